// The options of `rollouts`: gray releases of a policy, each with arms that get a part of the
// requests. Whether they lead somewhere is checked in rollouts-check.ts.
import { z } from 'zod';
import { ESTIMATORS, type EstimatorName } from '../core/estimates.ts';
import { armBreakerSchema, type BreakerConfig } from './breaker-schema.ts';
import { model, name } from './names.ts';
import type { TargetConfig } from './routes-schema.ts';

/** What may be rolled out; an arm's own option has the same name. */
export const ROLLOUT_KINDS = ['selection', 'targets', 'breaker', 'estimator'] as const;
export type RolloutKind = (typeof ROLLOUT_KINDS)[number];

export const SELECTIONS = ['least_loaded', 'fastest'] as const;
export type Selection = (typeof SELECTIONS)[number];

const arm = z.strictObject({
  percent: z.coerce
    .number()
    .min(0)
    .max(100)
    .meta({
      description:
        'Part of the requests, by a hash of their session or id; of `what: breaker` part of the ' +
        'accounts, by a hash of their names. All arms make 100.',
    }),
  selection: z
    .enum(SELECTIONS)
    .optional()
    .meta({
      description:
        'Of `what: selection`: how an account is chosen; `least_loaded` by default. `fastest` ' +
        'prefers the account that answers sooner and fails less, of two drawn by their slots.',
    }),
  targets: z
    .array(z.strictObject({ pool: name, model }))
    .min(1)
    .max(8)
    .optional()
    .meta({ description: 'Of `what: targets`: where the route leads; its own by default.' }),
  breaker: armBreakerSchema.optional(),
  estimator: z.enum(ESTIMATORS).optional().meta({
    description: 'Of `what: estimator`: what estimates a request’s use; `v1` by default.',
  }),
});

const rollout = z.strictObject({
  what: z.enum(ROLLOUT_KINDS).meta({ description: 'What is rolled out.' }),
  route: model.optional().meta({
    description:
      'Alias whose requests take part; needed by `targets`, not for `breaker`; else all of them.',
  }),
  pool: name.optional().meta({
    description: 'Of `what: breaker`: the pool whose accounts take part; else all of them.',
  }),
  arms: z.record(name.regex(/^[A-Za-z]/, 'begin with a letter'), arm).meta({
    description: 'By name. The first one is the base: it gets what changed percentages leave.',
  }),
});

export const rolloutsSchema = z.record(name, rollout).default({}).meta({
  description: 'Gray releases, by name; percentages change live by the admin API.',
});

export interface ArmConfig {
  readonly name: string;
  readonly percent: number;
  readonly selection: Selection;
  /** Undefined: the route's own. */
  readonly targets: readonly TargetConfig[] | undefined;
  /** What it says otherwise than the pool. */
  readonly breaker: Partial<BreakerConfig>;
  readonly estimator: EstimatorName;
}

export interface RolloutConfig {
  readonly name: string;
  readonly what: RolloutKind;
  readonly route: string | undefined;
  /** Of `breaker`. */
  readonly pool: string | undefined;
  /** The base first. */
  readonly arms: readonly ArmConfig[];
}

type FileRollouts = z.output<typeof rolloutsSchema>;
type FileArm = FileRollouts[string]['arms'][string];

/** Its input has passed the checks. */
export function resolveRollouts(file: FileRollouts): Map<string, RolloutConfig> {
  const all = Object.entries(file).map(([own, { what, route, pool, arms }]) => {
    const resolved = Object.entries(arms).map(([armName, arm]) => resolveArm(armName, arm));
    return [own, { name: own, what, route, pool, arms: resolved }] as const;
  });
  return new Map(all);
}

function resolveArm(name: string, { percent, targets, ...arm }: FileArm): ArmConfig {
  const { selection = 'least_loaded', breaker = {}, estimator = ESTIMATORS[0] } = arm;
  return { name, percent, selection, targets, breaker: definedOf(breaker), estimator };
}

/** Undefined values would hide what they are laid over. */
function definedOf(breaker: NonNullable<FileArm['breaker']>): Partial<BreakerConfig> {
  return Object.fromEntries(Object.entries(breaker).filter(([, value]) => value !== undefined));
}
