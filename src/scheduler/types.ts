// What callers of the scheduler give and get. The verbs themselves are in scheduler.ts.
import type { Redis } from 'ioredis';
import type { DenialReason, Outcome, Target } from '../core/domain.ts';
import type { KeyStyle } from '../redis/keys.ts';
import type { Lease } from './lease.ts';
import type { RateLimits } from './limits.ts';
import type { OutcomeReport } from './outcomes.ts';
import type { LocalPolicy } from './local-grants.ts';
import type { LostStorePolicy } from './store-watch.ts';

export interface SchedulerOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly leaseMs: number;
  readonly maxLeaseMs: number;
  readonly reapIntervalMs: number;
  readonly rememberMs: number;
  readonly rememberMax: number;
  readonly recoveryMs: number;
  readonly maxCallsInFlight: number;
  readonly maxPendingOperations: number;
  readonly auditIntervalMs: number;
  /** Waiters of the cell, at most; beyond it acquires are denied `queue_full`. */
  readonly maxWaiting: number;
  /** Interval in ms in which a waiter asks again, should a notice have been lost. */
  readonly checkIntervalMs: number;
  /** Time in ms after which the store counts as unavailable. */
  readonly timeoutMs: number;
  /** Asked at every call of the heart; as `sessions` of the configuration by default. */
  readonly sessions?: () => SessionSettings;
  /**
   * Whether another server behind the same address counts as a loss of data (default true).
   * False only where this process runs the server itself, for itself alone.
   */
  readonly watchServer?: boolean;
  /** Pools that are served without the store while it is away; by default none is. */
  readonly local?: LocalPolicy | undefined;
  /** Of running work while the store is away; by default it ends with its leases. */
  readonly onLostStore?: LostStorePolicy;
}

/** How sessions stay with their accounts. */
export interface SessionSettings {
  /** How long in ms a session stays with its account after its last request. */
  readonly ttlMs: number;
  /** How long in ms a request may wait for its session's account while another one is free. */
  readonly waitMs: number;
  /** Sessions that are remembered in a generation; at most two generations are kept. */
  readonly maxRemembered: number;
}

export interface AcquireRequest {
  /** Ordered: a later target is used only where all earlier ones have nothing free. */
  readonly targets: readonly Target[];
  /** 1 to 128 printable ASCII characters, unique in its tenant; a nanoid by default. */
  readonly requestId?: string;
  readonly tenant?: string;
  /**
   * Who may ask again with the same id and get the same lease. By default this scheduler
   * instance; the Scheduler API names the caller, so that a repeat may reach another daemon.
   */
  readonly holder?: string;
  /** Life of the lease in ms; the configured `leaseMs` by default. */
  readonly leaseMs?: number;
  /**
   * `automatic` (default): this scheduler renews the lease until it is released.
   * `by-holder`: the holder renews it by `Scheduler.renew`; nothing is remembered here.
   */
  readonly renewal?: 'automatic' | 'by-holder';
  /** How long in ms it may be queued where nothing is free; 0 (default): denied at once. */
  readonly waitMs?: number;
  /** 0 (most urgent) to 9 among the waiters of its tenant; 5 by default. Waiting lowers it. */
  readonly priority?: number;
  /**
   * Account of the first target’s pool that is taken where it has room, and is in the first tier;
   * else the choice is as always. It says nothing about what waits.
   */
  readonly prefer?: string | undefined;
  /** Estimated input and output, charged to rates of tokens. */
  readonly tokens?: number;
  /** Estimated cost in micro-units, held under the budgets until the release. */
  readonly reserveMicro?: number;
  /**
   * The conversation that the request belongs to, 1 to 1024 characters: the account that served it
   * before is preferred. Another tenant's session of the same name is another session.
   */
  readonly session?: string;
  /**
   * Whether it runs alone among the requests of its session that say so, in the order of arrival.
   * With it there may be no targets: then it holds nothing but the lane.
   */
  readonly lane?: boolean;
  /** Gives the attempt up; a slot that was granted meanwhile is given back. */
  readonly signal?: AbortSignal;
}

/** How a lane alone is asked for; see AcquireRequest. By default it waits for a day. */
export type LaneOptions = Pick<
  AcquireRequest,
  'tenant' | 'waitMs' | 'leaseMs' | 'requestId' | 'holder' | 'renewal' | 'signal'
>;

/** The right to a lane while the work runs. */
export interface LaneHold {
  /** Rises with every holder of the lane: what the work changes can refuse a smaller one. */
  readonly fence: number;
  /** Fires when the lane is not ours any more: stop the work. */
  readonly signal: AbortSignal;
}

export interface Denial {
  readonly kind: 'denied';
  readonly reason: DenialReason;
  /** Undefined where trying again is of no use. */
  readonly retryAfterMs: number | undefined;
  readonly limits?: RateLimits | undefined;
}

/** A lease that is named from outside, and what moves it. */
export interface MoveRef extends RenewRef {
  /** Its life from now on in ms; the configured `leaseMs` by default. */
  readonly leaseMs?: number;
}

/** Of a lease that is named from outside nobody here knows where it may go: its targets are named. */
export type NamedMoveReport = Omit<MoveReport, 'signal'> & Required<Pick<MoveReport, 'targets'>>;

/** Where a lease that is named from outside is held after a move. */
export type NamedMoveResult =
  | {
      readonly kind: 'moved';
      readonly account: string;
      readonly target: Target;
      readonly fence: number;
      readonly expiresAtMs: number;
      /** In place of the one that was shown. */
      readonly token: string | undefined;
    }
  | Exclude<MoveResult, { readonly kind: 'moved' }>;

export type AcquireResult = { readonly kind: 'granted'; readonly lease: Lease } | Denial;

/** Names one held lease from outside the process that acquired it. */
export interface LeaseRef {
  readonly tenant?: string;
  readonly requestId: string;
  readonly fence: number;
}

export interface RenewRef extends LeaseRef {
  /** Of the grant or of the last renewal. */
  readonly token?: string;
}

export type RenewResult =
  | {
      readonly kind: 'renewed';
      readonly expiresAtMs: number;
      /** In place of the one that was shown. */
      readonly token: string | undefined;
    }
  | { readonly kind: 'lost' };

/** How the use of a lease has ended; see OutcomeReport for what its account is told. */
export interface ReleaseReport extends Omit<OutcomeReport, 'outcome'> {
  /** `success` by default. */
  readonly outcome?: Outcome;
  /** Actual cost in micro-units; without it the reservation is settled at its sum. */
  readonly costMicro?: number;
  /** Actual input and output; without them the estimate stays charged. */
  readonly tokens?: number;
  /** Where the cost is booked. */
  readonly spend?: { readonly route: string; readonly model: string; readonly run?: string };
}

/** How the attempt that is given up has ended, and where the request may go instead. */
export interface MoveReport extends OutcomeReport {
  /** Ordered; by default those of its acquire. */
  readonly targets?: readonly Target[];
  /** Accounts that were tried before, at most 16: none of them is taken again. */
  readonly exclude?: readonly string[];
  /**
   * How long in ms it may wait where nothing is free; 0 (default): denied at once. While it waits it
   * holds no account, and its turn is that of its first arrival.
   */
  readonly waitMs?: number;
  /** Among those of its tenant that wait; as its acquire said by default. */
  readonly priority?: number | undefined;
  /** Gives the wait up; the lease can then only be released. */
  readonly signal?: AbortSignal | undefined;
}

export interface MoveDenial {
  readonly kind: 'denied';
  readonly reason: DenialReason;
  readonly retryAfterMs: number | undefined;
  /** False once it has waited: the account that it had was given back. */
  readonly hasAccount: boolean;
}

export type MoveResult =
  | { readonly kind: 'moved' }
  /** The lease is still held. */
  | MoveDenial
  /** The store has taken the lease back, or it was released. */
  | { readonly kind: 'lost' };
