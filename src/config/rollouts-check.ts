// What the schema cannot tell of rollouts: options of another kind, sums, places that must be
// configured, and settings that do not go with a pool's. It reads leniently, as crosscheck.ts does.
import { z } from 'zod';
import { armBreakerSchema, breakerSchema } from './breaker-schema.ts';
import type { Fault, OptionPath } from './faults.ts';
import { ROLLOUT_KINDS } from './rollouts-schema.ts';

const given = z.unknown().optional();
const arm = z.object({
  percent: z.coerce.number().optional().catch(undefined),
  selection: given,
  breaker: given,
  estimator: given,
  targets: z
    .array(z.object({ pool: z.string(), model: z.string() }))
    .optional()
    .catch(undefined),
});
const rollout = z.object({
  what: z.string().catch(''),
  route: z.string().optional().catch(undefined),
  pool: z.string().optional().catch(undefined),
  arms: z.record(z.string(), arm.catch({})).catch({}),
});
const outline = z.record(z.string(), rollout).catch({}).default({});

type Rollout = z.infer<typeof rollout>;
type Arm = Rollout['arms'][string];

export interface RolloutPlaces {
  readonly aliases: ReadonlySet<string>;
  /** The `breaker` of each pool, as it is given. */
  readonly breakers: ReadonlyMap<string, unknown>;
  /** Why a target leads nowhere, if it does. */
  readonly obstacle: (target: {
    readonly pool: string;
    readonly model: string;
  }) => string | undefined;
}

export function checkRollouts(rollouts: unknown, places: RolloutPlaces): readonly Fault[] {
  const all = Object.entries(outline.parse(rollouts));
  const taken = new Map<string, string>();
  return all.flatMap(([name, one]) => {
    const path: OptionPath = ['rollouts', name];
    const key = `${one.what} ${one.route ?? ''} ${one.pool ?? ''}`;
    const other = taken.get(key);
    taken.set(key, name);
    const faults = [...kindFaults(one, path, places), ...armFaults(one, path, places)];
    if (other === undefined) return faults;
    const message = `rolls out the same for the same requests as ${other}: make it one rollout`;
    return [...faults, { path, message }];
  });
}

function kindFaults(
  { what, route, pool, arms }: Rollout,
  path: OptionPath,
  { aliases, breakers }: RolloutPlaces,
): readonly Fault[] {
  const faults: Fault[] = [];
  const tell = (option: string, message: string): void => {
    faults.push({ path: [...path, option], message });
  };
  if (what === 'targets' && route === undefined) {
    tell('route', 'is missing: name the route that is changed');
  }
  if (what === 'breaker' && route !== undefined) {
    tell('route', 'does not go with `breaker`: accounts are in its arms; name a `pool`');
  } else if (route !== undefined && !aliases.has(route)) tell('route', 'there is no such route');
  if (what !== 'breaker' && pool !== undefined) tell('pool', 'belongs to `what: breaker` alone');
  else if (pool !== undefined && !breakers.has(pool)) tell('pool', 'there is no such pool');
  const percents = Object.values(arms).map(({ percent }) => percent);
  const sum = percents.reduce<number>((total, percent) => total + (percent ?? 0), 0);
  if (percents.length === 0 || (!percents.includes(undefined) && Math.abs(sum - 100) > 1e-6)) {
    tell('arms', `the percentages of its arms make ${sum} and not 100`);
  }
  return faults;
}

function armFaults(
  { what, pool, arms }: Rollout,
  path: OptionPath,
  { breakers, obstacle }: RolloutPlaces,
): readonly Fault[] {
  return Object.entries(arms).flatMap(([name, one]) => {
    const at: OptionPath = [...path, 'arms', name];
    const leads = (one.targets ?? []).flatMap((target, index) => {
      const message = obstacle(target);
      return message === undefined ? [] : [{ path: [...at, 'targets', index], message }];
    });
    const pools = pool === undefined ? [...breakers.values()] : [breakers.get(pool)];
    return [...strangers(what, one, at), ...leads, ...breakerFaults(one, at, pools)];
  });
}

/** Options of another kind than the rollout's. */
function strangers(what: string, one: Arm, at: OptionPath): readonly Fault[] {
  const others = ROLLOUT_KINDS.filter((kind) => kind !== what && one[kind] !== undefined);
  return others.map((kind) => ({
    path: [...at, kind],
    message: `belongs to \`what: ${kind}\` alone`,
  }));
}

/** What a pool says and what an arm says may be sound each, and not together. */
function breakerFaults(
  { breaker }: Arm,
  at: OptionPath,
  pools: readonly unknown[],
): readonly Fault[] {
  const own = armBreakerSchema.safeParse(breaker);
  if (!own.success) return [];
  const isOdd = pools.some((pool) => {
    const base = breakerSchema.safeParse(pool);
    if (!base.success) return false;
    const { openMs = base.data.openMs, maxOpenMs = base.data.maxOpenMs } = own.data;
    return openMs > maxOpenMs;
  });
  if (!isOdd) return [];
  return [
    { path: [...at, 'breaker', 'openMs'], message: 'exceeds the maxOpenMs that it goes with' },
  ];
}
