// The options of `rollouts`: gray releases of a policy, each with arms that get a part of the
// requests. Whether they lead somewhere is checked in rollouts-check.ts.
import { z } from 'zod';
import { model, name } from './names.ts';
import type { TargetConfig } from './routes-schema.ts';

/** What may be rolled out, now or later. */
export const ROLLOUT_KINDS = ['selection', 'targets', 'breaker', 'estimator'] as const;
/** What can be rolled out now. */
export const KNOWN_KINDS = ['selection', 'targets'] as const;

export const SELECTIONS = ['least_loaded', 'fastest'] as const;
export type Selection = (typeof SELECTIONS)[number];

const arm = z.strictObject({
  percent: z.coerce.number().min(0).max(100).meta({
    description: 'Part of the requests, by a hash of their session or id; all arms make 100.',
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
});

const rollout = z.strictObject({
  what: z.enum(ROLLOUT_KINDS).meta({
    description: 'What is rolled out. `breaker` and `estimator` cannot be rolled out yet.',
  }),
  route: model.optional().meta({
    description: 'Alias whose requests take part; needed by `targets`, else all of them.',
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
}

export interface RolloutConfig {
  readonly name: string;
  readonly what: (typeof KNOWN_KINDS)[number];
  readonly route: string | undefined;
  /** The base first. */
  readonly arms: readonly ArmConfig[];
}

/** Its input has passed the checks: kinds that are not known yet are gone. */
export function resolveRollouts(file: z.output<typeof rolloutsSchema>): Map<string, RolloutConfig> {
  const all = Object.entries(file).flatMap(([own, { what, route, arms }]) => {
    const known = KNOWN_KINDS.find((kind) => kind === what);
    if (known === undefined) return [];
    const resolved = Object.entries(arms).map(([armName, { percent, selection, targets }]) => {
      return { name: armName, percent, selection: selection ?? 'least_loaded', targets } as const;
    });
    return [[own, { name: own, what: known, route, arms: resolved }] as const];
  });
  return new Map(all);
}
