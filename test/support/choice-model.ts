// Which accounts the heart may choose, by looking at all of them: the plain reading of the rule
// that lua/scheduler/choice.lua follows through its index.
import type { Target } from '../../src/core/domain.ts';
import { CODES } from '../../src/redis/codes.ts';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';

interface Seen {
  readonly account: SchedulerAccount;
  inFlight: number;
  /** Number of the last batch that granted from it or gave back to it. */
  batch: number;
  /** In this batch: how many grants had been made when it was touched last; -1 untouched. */
  touched: number;
}

/** Load ratio; untouched before touched in this batch; then who was touched longer ago. */
type Rank = readonly [ratio: number, isTouched: number, since: number];

export class ChoiceModel {
  readonly #seen: ReadonlyMap<string, Seen>;
  #batch = 0;
  #grants = 0;

  constructor(accounts: readonly SchedulerAccount[]) {
    this.#seen = new Map(
      accounts.map((account) => [account.name, { account, inFlight: 0, batch: 0, touched: -1 }]),
    );
  }

  beginBatch(): void {
    this.#batch += 1;
    for (const seen of this.#seen.values()) seen.touched = -1;
  }

  release(name: string): void {
    this.#touch(name, -1);
  }

  grant(name: string): void {
    this.#grants += 1;
    this.#touch(name, 1);
  }

  /** Names among which the choice is free: the equally best of the first target and tier with room. */
  best(targets: readonly Target[]): readonly string[] {
    for (const { pool, model } of targets) {
      const serving = [...this.#seen.values()].filter(({ account, inFlight }) => {
        const isFree = account.enabled && inFlight < account.maxConcurrency;
        return isFree && account.pool === pool && account.models.includes(model);
      });
      const tier = Math.min(...serving.map(({ account }) => account.priority));
      const ranked = serving
        .filter(({ account }) => account.priority === tier)
        .map((seen) => ({ name: seen.account.name, rank: rankOf(seen) }))
        .sort((a, b) => compare(a.rank, b.rank));
      const first = ranked[0];
      if (first === undefined) continue;
      return ranked.filter(({ rank }) => compare(rank, first.rank) === 0).map(({ name }) => name);
    }
    return [];
  }

  inFlight(): Record<string, number> {
    return Object.fromEntries([...this.#seen].map(([name, { inFlight }]) => [name, inFlight]));
  }

  #touch(name: string, by: number): void {
    const seen = this.#seen.get(name)!;
    seen.inFlight += by;
    seen.touched = this.#grants;
    seen.batch = this.#batch;
  }
}

function rankOf({ account, inFlight, batch, touched }: Seen): Rank {
  const step = CODES.LOAD.scale / (account.maxConcurrency * account.weight);
  const ratio = Math.floor((inFlight + 1) * step);
  return touched < 0 ? [ratio, 0, batch] : [ratio, 1, touched];
}

function compare(a: Rank, b: Rank): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
