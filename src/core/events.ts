// What the heart says about itself. It knows no metrics and no logger: metrics/observe.ts and the
// daemon's logger listen here.
import { EventEmitter } from 'node:events';
import type { DenialReason, Outcome, StickyResult, Target } from './domain.ts';

/** Why the store could not serve: keys on their way between nodes of a Cluster, or anything else. */
export const OUTAGE_CAUSES = ['slot_moving', 'unavailable'] as const;
export type OutageCause = (typeof OUTAGE_CAUSES)[number];

/**
 * The breaker of the estimator `v2` as a tick saw it: `open` keeps it from reserving. Neither a
 * missing nor a corrupt one does.
 */
export const V2_BREAKERS = ['closed', 'open', 'missing', 'corrupt'] as const;
export type V2Breaker = (typeof V2_BREAKERS)[number];

export interface SchedulerEvents {
  /** A slot was taken. `replayed` is true when the id had been granted before. */
  granted: {
    readonly account: string;
    readonly target: Target;
    readonly replayed: boolean;
    /** Of a request with a session. */
    readonly sticky?: StickyResult | undefined;
  };
  /** An acquire was refused; the target is the first one that was asked for. */
  denied: { readonly reason: DenialReason; readonly target: Target };
  /** A slot came back through its holder. `heldMs` is measured by the holder's own clock. */
  released: {
    readonly account: string;
    readonly target: Target;
    readonly outcome: Outcome;
    readonly heldMs: number;
  };
  /** A held lease has gone on to another account; the outcome is that of the one it left. */
  moved: {
    readonly from: string;
    readonly left: Target;
    readonly outcome: Outcome;
    readonly to: string;
    readonly target: Target;
  };
  /** A held lease is not ours any more; its holder's AbortSignal has fired. */
  lost: { readonly requestId: string; readonly account: string };
  /** A release was not confirmed: it is asked again until the lease expires by itself. */
  releaseFailed: { readonly requestId: string; readonly account: string; readonly error: Error };
  /** Slots that the store took back from dead holders, seen in one tick. */
  reaped: { readonly slots: number };
  /** Leases that were registered above a limit after a loss of data, seen in one tick. */
  overage: { readonly slots: number };
  /** Records that could not be decoded and were set aside, seen in one tick. */
  corrupt: { readonly records: number };
  /** An acquire waits. */
  queued: { readonly target: Target };
  /** A queued acquire was decided, or its caller left; `ms` by this process's own clock. */
  dequeued: {
    readonly target: Target;
    readonly how: 'granted' | 'denied' | 'left';
    readonly ms: number;
  };
  /** What is settled and reserved under a budget went over its warning; once a crossing. */
  budgetWarning: {
    /** `*` for the cell's budget, or a tenant's name. */
    readonly scope: string;
    readonly settledMicro: number;
    readonly reservedMicro: number;
    readonly stopMicro: number;
  };
  /**
   * The health of an account has changed, or (with a target) the breaker of one of its models. The one
   * daemon whose tick saw it tells.
   */
  health: {
    readonly account: string;
    readonly target: Target | undefined;
    readonly change: 'closed' | 'open' | 'half_open' | 'disabled' | 'enabled';
    /** An outcome, `reaped`, `operator` or `configuration`. */
    readonly reason: string | undefined;
    /** Cell time in ms at which it changes by itself; 0 for not by itself. */
    readonly untilMs: number;
  };
  /** One call of the heart came back. */
  tick: {
    readonly operations: number;
    readonly seconds: number;
    /** For so long from now the cell grants nothing: holders register their leases. */
    readonly recoveringMs: number;
    readonly v2: V2Breaker;
  };
  /** The store could not be reached or did not answer in time. */
  storeError: { readonly error: Error };
  /** The store serves again: for so long it could not, its recovery included. */
  outage: { readonly cause: OutageCause; readonly seconds: number };
  /** The store is away: this daemon grants its shares of some pools by itself. */
  localModeBegan: object;
  /** The store serves again; what was granted meanwhile and still runs is being registered. */
  localModeEnded: { readonly seconds: number; readonly grants: number };
  /** One grant that the store does not know of. */
  grantedLocally: { readonly account: string };
  /** A new incarnation of the cell was seen: leases are being registered again. */
  recovery: { readonly incarnation: number };
  /** This daemon has brought what the cell keeps to another layout. */
  migrated: { readonly name: string; readonly layout: number };
  /** This daemon's own audit ended. */
  audited: { readonly differences: number };
}

/** EventEmitter with the events' payloads typed. Listeners must not throw. */
export class SchedulerEmitter extends EventEmitter<{
  [K in keyof SchedulerEvents]: [SchedulerEvents[K]];
}> {}
