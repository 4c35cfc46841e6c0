// What the schema cannot tell of rollouts: kinds that are not there yet, sums, and places that must
// be configured. It reads leniently, as crosscheck.ts does.
import { z } from 'zod';
import type { Fault, OptionPath } from './faults.ts';
import { KNOWN_KINDS } from './rollouts-schema.ts';

const arm = z.object({
  percent: z.coerce.number().optional().catch(undefined),
  selection: z.unknown().optional(),
  targets: z
    .array(z.object({ pool: z.string(), model: z.string() }))
    .optional()
    .catch(undefined),
});
const rollout = z.object({
  what: z.string().catch(''),
  route: z.string().optional().catch(undefined),
  arms: z.record(z.string(), arm.catch({})).catch({}),
});
const outline = z.record(z.string(), rollout).catch({}).default({});

type Rollout = z.infer<typeof rollout>;

export interface RolloutPlaces {
  readonly aliases: ReadonlySet<string>;
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
    const key = `${one.what} ${one.route ?? ''}`;
    const other = taken.get(key);
    taken.set(key, name);
    const faults = [...kindFaults(one, path), ...armFaults(one, path, places)];
    if (other === undefined) return faults;
    const message = `rolls out the same for the same requests as ${other}: make it one rollout`;
    return [...faults, { path, message }];
  });
}

function kindFaults({ what, route, arms }: Rollout, path: OptionPath): readonly Fault[] {
  const faults: Fault[] = [];
  if (what === 'breaker' || what === 'estimator') {
    const message = `${what} cannot be rolled out yet: use ${KNOWN_KINDS.join(' or ')}`;
    faults.push({ path: [...path, 'what'], message });
  }
  if (what === 'targets' && route === undefined) {
    faults.push({
      path: [...path, 'route'],
      message: 'is missing: name the route that is changed',
    });
  }
  const percents = Object.values(arms).map(({ percent }) => percent);
  const sum = percents.reduce<number>((total, percent) => total + (percent ?? 0), 0);
  if (percents.length === 0 || (!percents.includes(undefined) && Math.abs(sum - 100) > 1e-6)) {
    const message = `the percentages of its arms make ${sum} and not 100`;
    faults.push({ path: [...path, 'arms'], message });
  }
  return faults;
}

function armFaults(
  { what, route, arms }: Rollout,
  path: OptionPath,
  { aliases, obstacle }: RolloutPlaces,
): readonly Fault[] {
  const faults: Fault[] = [];
  if (route !== undefined && !aliases.has(route)) {
    faults.push({ path: [...path, 'route'], message: 'there is no such route' });
  }
  for (const [name, { selection, targets }] of Object.entries(arms)) {
    const at: OptionPath = [...path, 'arms', name];
    if (selection !== undefined && what === 'targets') {
      faults.push({ path: [...at, 'selection'], message: 'belongs to `what: selection` alone' });
    }
    if (targets !== undefined && what === 'selection') {
      faults.push({ path: [...at, 'targets'], message: 'belongs to `what: targets` alone' });
    }
    for (const [index, target] of (targets ?? []).entries()) {
      const message = obstacle(target);
      if (message !== undefined) faults.push({ path: [...at, 'targets', index], message });
    }
  }
  return faults;
}
