// What a fault is: how it is brought about, and what must hold while it lasts and afterwards. The
// list is in faults/; whether it held is judge.ts's matter.
import type { Preload } from './daemon.ts';
import type { Stage } from './stage.ts';
import type { StoreWish } from './store.ts';

export interface Expectation {
  /** In words, for the report. */
  readonly holds: string;
  /** Every error that callers of a hurt daemon may see; any other one fails. A word may end in `*`. */
  readonly errors: readonly string[];
  /** The same of all other callers: none where one daemon is hurt, unless it is said. */
  readonly elsewhere?: readonly string[];
  /** All daemons are hurt alike. */
  readonly hurtsAll?: boolean;
  /** From the fault's end until 99 % of the requests that begin then are served, at most. */
  readonly recoveryMs: number;
  /**
   * Excess is not held against the product from the fault's beginning until so long after its end,
   * but counted. Without it no account may be oversold at any time.
   */
  readonly windowAfterMs?: number;
  /** The window begins when the fault itself says so. */
  readonly opensWindow?: boolean;
  /**
   * No slot may be granted from the fault's beginning until so long after its end: a declared outage.
   * How long it was is measured, and nothing may be oversold in it.
   */
  readonly outageAfterMs?: number;
  /** Redis is away: how soon after its return callers are served is a bar. */
  readonly takesStoreAway?: boolean;
  /** The hurt daemon stands still, so what it has accepted is late. */
  readonly isVictimLate?: boolean;
  /** What was settled before is gone with the store's data. */
  readonly losesLedger?: boolean;
}

export interface Fault {
  readonly name: string;
  /** What is done, in a sentence. */
  readonly does: string;
  readonly expects: Expectation;
  readonly store?: StoreWish;
  readonly preload?: Preload;
  /** The daemons also run deferred work. */
  readonly withJobs?: boolean;
  /** Resolves when it has ended, and what it broke is in place again. */
  run(stage: Stage): Promise<void>;
}
