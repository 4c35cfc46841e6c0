// The rule by which an account is chosen, written the slow way: look at all of them.
import type { Target } from '../../../src/core/domain.ts';
import { hasRoom, loadRatio, serves } from './cell.ts';
import type { ModelAccount, ModelCell } from './cell.ts';

/** account → grants of the cell when this batch touched it. */
export type Touched = ReadonlyMap<string, number>;

export type Choice =
  | {
      readonly kind: 'granted';
      readonly targetNumber: number;
      readonly tierNumber: number;
      /** More than one where the rule leaves it open. */
      readonly accounts: readonly string[];
    }
  | { readonly kind: 'pool_full' | 'no_account_for_model' };

/** The first target that has room, in it the first tier, in it the least loaded account. */
export function choose(
  cell: ModelCell,
  targets: readonly Target[],
  touched: Touched,
  excluded: ReadonlySet<string> = new Set(),
): Choice {
  const leastLoaded = cell.hasOddSets ? anyLeastLoaded : longestUntouched;
  const all = [...cell.accounts.values()];
  let isServed = false;
  for (const [targetNumber, target] of targets.entries()) {
    const serving = all.filter((account) => serves(account, target));
    isServed ||= serving.length > 0;
    const priorities = [...new Set(serving.map(({ spec }) => spec.priority))].sort((a, b) => a - b);
    for (const [tierNumber, priority] of priorities.entries()) {
      const free = serving.filter(
        (a) => a.spec.priority === priority && hasRoom(a) && !excluded.has(a.spec.name),
      );
      if (free.length === 0) continue;
      const accounts = leastLoaded(free, touched).map(({ spec }) => spec.name);
      return { kind: 'granted', targetNumber, tierNumber, accounts };
    }
  }
  return { kind: isServed ? 'pool_full' : 'no_account_for_model' };
}

/** A class of odd sets is scanned: of equally loaded ones it may take any. */
function anyLeastLoaded(free: readonly ModelAccount[]): readonly ModelAccount[] {
  return minimal(free, loadRatio);
}

/** Of equally loaded ones those that were touched longest ago; first those not by this batch. */
function longestUntouched(
  free: readonly ModelAccount[],
  touched: Touched,
): readonly ModelAccount[] {
  const least = minimal(free, loadRatio);
  const untouched = least.filter(({ spec }) => !touched.has(spec.name));
  if (untouched.length > 0) return minimal(untouched, ({ touch }) => touch);
  return minimal(least, ({ spec }) => touched.get(spec.name) ?? 0);
}

function minimal<T>(items: readonly T[], measure: (item: T) => number): readonly T[] {
  const least = Math.min(...items.map(measure));
  return items.filter((item) => measure(item) === least);
}
