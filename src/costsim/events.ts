// What cost control says about itself; whoever counts, logs or raises alerts listens here. A change of
// the breaker is told once in the whole fleet, by the daemon whose call made it; only where that
// daemon died before it could tell, another one tells it, under the same number.
import { EventEmitter } from 'node:events';

/** What has happened to the breaker, as its log keeps it. */
export interface Change {
  /** `tripped` and `disabled` open it, `recovered` and `enabled` close it. */
  readonly kind:
    'tripped' | 'disabled' | 'recovered' | 'enabled' | 'warned' | 'incident' | 'unreadable';
  /** Cell time in ms. */
  readonly atMs: number;
  /** Names a change of state for ever; absent where the state stays as it is. */
  readonly number?: number;
  readonly cause?: Cause;
  /** Who did it by hand, or asked for it. */
  readonly by?: string;
  readonly why?: string;
  /** What was judged: the drift, of how many samples, against which bound. */
  readonly p95?: number;
  readonly samples?: number;
  readonly bound?: number;
  /** Incidents in a row, this one included. */
  readonly failures?: number;
  /** Cell time in ms at which it recovers by itself; 0 for not by itself. */
  readonly recoverAtMs?: number;
}

export const CAUSES = ['window', 'incidents', 'canary', 'hand', 'cooldown'] as const;
export type Cause = (typeof CAUSES)[number];

/** Why the breaker's state was taken for closed: it could not be read. */
export type UnreadableReason = 'missing' | 'corrupt' | 'error' | 'timeout' | 'outdated';

export interface CostsimEvents {
  tripped: Change;
  disabled: Change;
  recovered: Change;
  enabled: Change;
  /** p95 went over the warning; told once until it is well below again. */
  warned: Change;
  /** An interval was judged to be beyond the bound. */
  incident: Change;
  /** The store's state was no state: it is closed from now on, whatever it was. */
  stateLost: Change;
  /** The state was asked for and could not be read, so `v2` counts as enabled. */
  unreadable: { readonly reason: UnreadableReason };
  /** Records that nobody will see: the buffer was full, or the store refused them. */
  dropped: { readonly records: number };
  /** The store has not taken what was recorded; it is told again, unless records are dropped. */
  failed: { readonly error: Error };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class CostsimEmitter extends EventEmitter<{
  [K in keyof CostsimEvents]: [CostsimEvents[K]];
}> {}
