// The promises themselves, read from the stored structures alone: nothing here knows the model.
import { isDeepStrictEqual } from 'node:util';
import type { CellKeys } from '../../../src/redis/keys.ts';
import { textOf } from '../model/answers.ts';
import { targetOf } from './store.ts';
import type { StoredCell } from './store.ts';

function countBy<T>(items: Iterable<T>, name: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(name(item), (counts.get(name(item)) ?? 0) + 1);
  return counts;
}

/** Leases of each account ≤ its limit, except what was there before, or was registered as overage. */
export function overLimit(
  before: StoredCell | undefined,
  after: StoredCell,
  overage: number,
): string[] {
  const earlier = countBy(before?.leases.values() ?? [], ({ account }) => account);
  const found: string[] = [];
  let registered = 0;
  for (const [name, count] of countBy(after.leases.values(), ({ account }) => account)) {
    const stored = after.accounts.get(name);
    const limit = stored?.isInUse === true ? stored.limit : 0;
    const rise = count - Math.max(limit, earlier.get(name) ?? 0);
    if (count <= limit || rise <= 0) continue;
    registered += rise;
    if (registered > overage) found.push(`${name}: ${count} leases, limit ${limit}`);
  }
  return found;
}

/** Every counter says what the leases say. */
export function miscounted({ leases, inflight, counters, registry }: StoredCell): string[] {
  const byAccount = countBy(leases.values(), ({ account }) => account);
  const byModel = countBy(leases.values(), ({ model }) => {
    const target = targetOf(registry, model);
    return target === undefined ? `model ${model}` : textOf(target);
  });
  return [...miscounts('inflight', byAccount, inflight), ...miscounts('model', byModel, counters)];
}

function miscounts(
  what: string,
  counted: ReadonlyMap<string, number>,
  stored: ReadonlyMap<string, number>,
): string[] {
  const names = new Set([...counted.keys(), ...stored.keys()]);
  return [...names]
    .filter((name) => (counted.get(name) ?? 0) !== (stored.get(name) ?? 0))
    .map((name) => {
      const [leases, counter] = [counted.get(name) ?? 0, stored.get(name) ?? 0];
      return `${what} ${name}: ${leases} leases, counter ${counter}`;
    });
}

/** Every lease is looked at by its expiry, or by the end of a recovery, and so is reaped. */
export function unwatched({ leases, wheel, facts }: StoredCell): string[] {
  const keepUntilMs = Number(facts.get('keep_until'));
  const watchedAt = new Map<string, number>();
  for (const { atMs, ids } of wheel) {
    for (const id of ids) watchedAt.set(id, Math.min(atMs, watchedAt.get(id) ?? Infinity));
  }
  return [...leases]
    .filter(([id, { expiresAtMs }]) => {
      return (watchedAt.get(id) ?? Infinity) > Math.max(expiresAtMs, keepUntilMs);
    })
    .map(([id]) => `nobody looks at ${id} when it expires`);
}

/** What a tick writes even if it refuses all that it was asked for. */
const BOOKKEEPING: readonly (keyof CellKeys)[] = ['cell', 'daemons', 'replies'];

/** The keys beyond the heart's bookkeeping whose content differs. */
export function changedKeys(before: StoredCell, after: StoredCell, keys: CellKeys): string[] {
  const exempt = new Set(BOOKKEEPING.map((name) => keys[name]));
  return [...new Set([...before.image.keys(), ...after.image.keys()])]
    .filter((name) => !exempt.has(name))
    .filter((name) => !isDeepStrictEqual(before.image.get(name), after.image.get(name)));
}
