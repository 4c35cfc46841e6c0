// A held right to one slot. It owns its AbortSignal and its single release; renewing is the
// scheduler's work (renewals.ts), deciding is the store's (lua/tick.lua).
//
// States: held → released (the holder gave it back) or held → lost (the store took it back, or it
// could not be renewed in time; the signal fires). Both are final; release after either is
// harmless. While it is held it may move to another account: same request, another slot, another fence.
import { asAppError } from '../core/errors.ts';
import type { Grant, ReleaseResult, StickyResult, Target } from '../core/domain.ts';
import type { RateLimits } from './limits.ts';
import type { MoveReport, MoveResult, ReleaseReport } from './types.ts';

/** Of a lease on a lane alone. */
export const NO_ACCOUNT = '';
export const NO_TARGET: Target = Object.freeze({ pool: '', model: '' });

/** What a lease needs of its scheduler. */
export interface LeaseKeeper {
  /** Gives it back once `moving` has come to its end. */
  giveBack(
    lease: Lease,
    report: ReleaseReport,
    moving: Promise<unknown> | undefined,
  ): Promise<ReleaseResult>;
  move(lease: Lease, report: MoveReport): Promise<MoveResult>;
}

/** Where a lease is held; a move changes it. */
export type Place = Omit<Grant, 'replayed' | 'sticky'>;

export class Lease implements AsyncDisposable {
  readonly requestId: string;
  readonly tenant: string;
  /** "tenant/id", its name in the cell. */
  readonly key: string;
  /** The targets that were asked for. */
  readonly targets: readonly Target[];
  /** True when this id had been granted before and this is the same lease again. */
  readonly replayed: boolean;
  /** How its account came to serve the request's session. */
  readonly sticky: StickyResult | undefined;
  /** Its life in ms after the acquire and each renewal. */
  readonly leaseMs: number;
  /** Cell time (Redis TIME) in ms at which the lease ends unless renewed. */
  expiresAtMs: number;

  /** Ms that it has been queued, before its first account and in moves. */
  queuedMs: number;
  /** What was left of the tenant's rates at the grant, where it has any. */
  readonly limits: RateLimits | undefined;
  /** Of a lease that its holder renews: shown with a renewal, it survives a loss of the store's data. */
  readonly token: string | undefined;

  /** performance.now() when this process got the lease. */
  readonly heldSince: number;

  /** Among all that are held (held-leases.ts, which alone may write it); -1 once it is not. */
  place = -1;
  /** Whether its id was made here, for it alone. */
  readonly isFresh: boolean;

  readonly #keeper: LeaseKeeper;
  #grant: Place;
  /** Made when somebody asks for it: most leases end unwatched. */
  #watch: AbortController | undefined;
  #lostBecause: Error | undefined;
  #released: Promise<ReleaseResult> | undefined;
  /** The last move, while it is under way. */
  #moving: Promise<unknown> | undefined;
  #isUncertain = false;

  constructor(
    grant: Grant,
    options: {
      readonly requestId: string;
      readonly tenant: string;
      readonly targets: readonly Target[];
      readonly key: string;
      readonly isFresh: boolean;
      readonly leaseMs: number;
      readonly heldSince: number;
      readonly queuedMs: number;
      readonly limits: RateLimits | undefined;
      readonly token: string | undefined;
      readonly keeper: LeaseKeeper;
    },
  ) {
    this.requestId = options.requestId;
    this.tenant = options.tenant;
    this.targets = options.targets;
    this.key = options.key;
    this.isFresh = options.isFresh;
    this.leaseMs = options.leaseMs;
    this.heldSince = options.heldSince;
    this.queuedMs = options.queuedMs;
    this.limits = options.limits;
    this.token = options.token;
    this.#grant = grant;
    this.replayed = grant.replayed;
    this.sticky = grant.sticky;
    this.expiresAtMs = grant.expiresAtMs;
    this.#keeper = options.keeper;
  }

  /** Empty for a lane alone. */
  get account(): string {
    return this.#grant.account;
  }

  get target(): Target {
    return this.#grant.target;
  }

  /** Into the targets of its acquire, or of its last move. */
  get targetIndex(): number {
    return this.#grant.targetIndex;
  }

  /** Rises with every grant of the cell, and with every move. */
  get fence(): number {
    return this.#grant.fence;
  }

  /** Whether its holder has given it back. */
  get isReleased(): boolean {
    return this.#released !== undefined;
  }

  /** Whether a move was not confirmed: its fence may be another one by now. */
  get isUncertain(): boolean {
    return this.#isUncertain;
  }

  /** Fires with an AppError `lease_lost` when the slot is not ours any more: stop the work. */
  get signal(): AbortSignal {
    if (this.#watch === undefined) {
      this.#watch = new AbortController();
      if (this.#lostBecause !== undefined) this.#watch.abort(this.#lostBecause);
    }
    return this.#watch.signal;
  }

  /** Called by the scheduler alone. */
  markLost(reason: Error): void {
    if (this.#released !== undefined) return;
    this.#lostBecause = reason;
    this.#watch?.abort(reason);
  }

  /** Called by the scheduler alone: a move has waited so long. */
  waited(ms: number): void {
    this.queuedMs += ms;
  }

  /** Called by the scheduler alone: undefined where the store did not say what became of a move. */
  moved(to: Place | undefined): void {
    if (to === undefined) this.#isUncertain = true;
    else {
      this.#grant = to;
      this.expiresAtMs = to.expiresAtMs;
    }
  }

  /**
   * Gives the account back with the outcome of its attempt and takes another one for the same
   * request, in one step. With nothing free it waits for as long as the report says, holding no
   * account, or is denied at once and held as before. Rejects with `store_unavailable` when the store
   * did not confirm in time, and with `client_closed` when the wait was given up: then the lease can
   * only be released.
   */
  move(report: MoveReport): Promise<MoveResult> {
    if (this.#released !== undefined || this.#isUncertain) return Promise.resolve({ kind: 'lost' });
    try {
      const start = (): Promise<MoveResult> => this.#keeper.move(this, report);
      const result = this.#moving === undefined ? start() : this.#moving.then(start);
      const moving = result
        .catch(() => undefined)
        .finally(() => {
          if (this.#moving === moving) this.#moving = undefined;
        });
      this.#moving = moving;
      return result;
    } catch (error) {
      return Promise.reject(asAppError(error));
    }
  }

  /**
   * Gives the slot back. Idempotent: the first call decides the outcome, later ones get its
   * answer. Rejects with `store_unavailable` when the store did not confirm in time; the release
   * then goes on in the background until the lease has expired.
   */
  release(report: ReleaseReport = {}): Promise<ReleaseResult> {
    try {
      this.#released ??= this.#keeper.giveBack(this, report, this.#moving);
      return this.#released;
    } catch (error) {
      // A report with a fault ends nothing: the slot is still held.
      return Promise.reject(asAppError(error));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
