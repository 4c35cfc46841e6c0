// The leases that this process holds and renews. Leases come and go by the ten thousand a second, so
// both cost nothing: the last one takes the place of the one that leaves.
//
// A Map of all would be copied every few hundred changes, and a dead copy that the collector takes
// for old keeps all later ones alive: that was a third of a pair's CPU. So only ids that callers
// gave are in a Map; the rare question for another one is a search.
import type { Lease } from './lease.ts';
import type { AcquireOperation } from './wire.ts';

/** What was asked for a lease: renewing it, and registering it after a loss of data, need that. */
export type Asked = Pick<
  AcquireOperation,
  | 'id'
  | 'leaseMs'
  | 'claim'
  | 'isFresh'
  | 'waitMs'
  | 'priority'
  | 'tokens'
  | 'reserveMicro'
  | 'session'
>;

/**
 * What the store knows of a lease. `local`: it was granted here and the store has never heard of
 * it. `uncertain`: it was told, and has not confirmed. `stored`: it has it, as far as we know.
 */
export type Standing = 'local' | 'uncertain' | 'stored';

export interface Held {
  readonly lease: Lease;
  readonly asked: Asked;
  /** performance.now() when its last successful acquire or renewal was sent. */
  sentAt: number;
  /** From then on, in ms: that of the lease, or the time for claiming it until that is confirmed. */
  lifeMs: number;
  isClaimed: boolean;
  /** performance.now() of the next renewal. */
  dueAt: number;
  isBusy: boolean;
  standing: Standing;
}

export class HeldLeases {
  readonly #all: Held[] = [];
  readonly #named = new Map<string, Held>();
  /** What the ids that were made here contain. */
  readonly #freshMark: string;

  constructor(freshMark: string) {
    this.#freshMark = freshMark;
  }

  get size(): number {
    return this.#all.length;
  }

  /** A copy: what happens to one of them may change the others' places. */
  all(): readonly Held[] {
    return this.#all.slice();
  }

  /** What is known of a held lease. */
  at(lease: Lease): Held | undefined {
    const held = this.#all[lease.place];
    return held?.lease === lease ? held : undefined;
  }

  find(id: string): Held | undefined {
    const named = this.#named.get(id);
    if (named !== undefined || !id.includes(this.#freshMark)) return named;
    return this.#all.find(({ asked }) => asked.id === id);
  }

  /** Takes the place of an older lease of the same id. */
  add(held: Held): void {
    const { id, isFresh } = held.asked;
    if (!isFresh) {
      const older = this.#named.get(id);
      if (older !== undefined) this.remove(older.lease);
      this.#named.set(id, held);
    }
    held.lease.place = this.#all.length;
    this.#all.push(held);
  }

  /** Whether it was held. */
  remove(lease: Lease): boolean {
    const held = this.at(lease);
    if (held === undefined) return false;
    const last = this.#all.pop();
    if (last !== undefined && last !== held) {
      this.#all[lease.place] = last;
      last.lease.place = lease.place;
    }
    lease.place = -1;
    if (!held.asked.isFresh) this.#named.delete(held.asked.id);
    return true;
  }
}
