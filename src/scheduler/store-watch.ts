// How long the store cannot serve this daemon: from the first call that fails until a call succeeds,
// and, where that one finds the cell in recovery, until that is over. It asks nothing itself. It
// also knows how long leases that nobody can renew meanwhile are held on to.
import type { OutageCause, SchedulerEmitter, SchedulerEvents } from '../core/events.ts';
import { msToSeconds } from '../core/units.ts';
import { storeErrorKind } from './store-errors.ts';

/** What becomes of running work whose leases cannot be renewed, because the store is away. */
export interface LostStorePolicy {
  /** For so long in ms beyond the lease's own life it goes on; for `cut`. */
  readonly graceMs: number;
  /** `keep`: until the store is back and tells whether the slot is somebody else's. */
  readonly then: 'cut' | 'keep';
}

/** What today's holders expect: a lease is trusted for its own life. */
export const CUT_IN_TIME: LostStorePolicy = { graceMs: 0, then: 'cut' };
/** The store is back: so long in ms the first renewals may take before the grace is over. */
const SETTLE_MS = 2000;

export class StoreWatch {
  readonly #events: SchedulerEmitter;
  readonly #policy: LostStorePolicy;
  #away: { readonly since: number; readonly cause: OutageCause } | undefined;
  #returnedAt = -Infinity;

  constructor(events: SchedulerEmitter, policy: LostStorePolicy = CUT_IN_TIME) {
    this.#events = events;
    this.#policy = policy;
    events.on('storeError', this.#failed);
    events.on('tick', this.#served);
  }

  /** The last call has failed, and none has succeeded since. */
  get isAway(): boolean {
    return this.#away !== undefined;
  }

  /**
   * How long in ms a lease is held beyond its trusted life. 0 while the store answers: a process
   * that was stopped for longer than its leases lets them go.
   */
  graceMs(): number {
    const isAway = this.isAway || performance.now() < this.#returnedAt + SETTLE_MS;
    if (!isAway) return 0;
    return this.#policy.then === 'keep' ? Infinity : this.#policy.graceMs;
  }

  readonly #failed = ({ error }: SchedulerEvents['storeError']): void => {
    // A store without memory answers, and so does one that finds a defect.
    if (storeErrorKind(error) !== 'transient') return;
    this.#away ??= { since: performance.now(), cause: causeOf(error) };
  };

  readonly #served = ({ recoveringMs }: SchedulerEvents['tick']): void => {
    if (this.#away === undefined) return;
    const { since, cause } = this.#away;
    this.#away = undefined;
    this.#returnedAt = performance.now();
    const seconds = msToSeconds(this.#returnedAt - since + recoveringMs);
    this.#events.emit('outage', { cause, seconds });
  };
}

/** Redis Cluster says so in the first word while the keys of a slot are on their way. */
function causeOf({ message }: Error): OutageCause {
  return /^(MOVED|ASK|TRYAGAIN)\b/.test(message) ? 'slot_moving' : 'unavailable';
}
