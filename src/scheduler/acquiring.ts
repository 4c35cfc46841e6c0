// One acquire from the question to its answer. It makes the lease of what was granted, and gives
// back what nobody waits for any more; it chooses nothing (lua/tick.lua does).
import type { Grant, Target } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { CODES, namesByCode } from '../redis/codes.ts';
import { readSticky, readTarget } from './answers.ts';
import type { Pending } from './batcher.ts';
import type { CellLink } from './cell-link.ts';
import { Lease, NO_ACCOUNT, NO_TARGET } from './lease.ts';
import type { LeaseKeeper } from './lease.ts';
import type { LeaseClaims } from './lease-token.ts';
import type { LocalGrants } from './local-grants.ts';
import { DENIAL_RETRY_MS, gaveUp, missed, mistakeOf, shuttingDown } from './refusals.ts';
import type { Renewals } from './renewals.ts';
import type { Denial } from './types.ts';
import type { Unconfirmed } from './unconfirmed.ts';
import type { Answer } from './replies.ts';
import type { Waiting } from './waiting.ts';
import type { AcquireOperation } from './wire.ts';

const TAG = CODES.TAG;
const REASONS = namesByCode(CODES.REASON);
/** How a grant ends that nobody has used. */
const UNUSED = { outcome: 'ignored', costMicro: 0, tokens: 0 } as const;

/** What is asked of the heart, and what its lease will need. */
export interface AcquireAsked extends AcquireOperation {
  readonly requestId: string;
  readonly tenant: string;
  readonly targets: readonly Target[];
  readonly isRenewed: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Who waits for the answer; exactly one of these is called, once. */
export interface Caller {
  granted(lease: Lease): void;
  denied(denial: Denial): void;
  failed(error: AppError): void;
}

/** What all acquires of a scheduler share. */
export interface Desk {
  readonly link: CellLink;
  readonly events: SchedulerEmitter;
  readonly renewals: Renewals;
  readonly unconfirmed: Unconfirmed;
  readonly keeper: LeaseKeeper;
  readonly waiting: Waiting;
  /** Makes the token of a lease that its holder renews. */
  readonly seal: (claims: LeaseClaims) => string | undefined;
  /** Where some pools are served while the store is away. */
  readonly local: LocalGrants | undefined;
  isStopping(): boolean;
}

export class Acquiring implements Pending {
  readonly op: AcquireAsked;
  /** performance.now() when it was asked; for a waiter, after which its grant was made. */
  sentAt: number;
  /** Nobody can ask for an id yet that was made just now. */
  readonly blocksId: boolean;
  readonly #desk: Desk;
  readonly #caller: Caller;
  /** performance.now() since when it is queued. */
  #queuedSince: number | undefined;

  constructor(op: AcquireAsked, sentAt: number, desk: Desk, caller: Caller) {
    this.op = op;
    this.sentAt = sentAt;
    this.blocksId = !op.isFresh;
    this.#desk = desk;
    this.#caller = caller;
  }

  answered(answer: Answer, nowMs: number): void {
    const { tag } = answer;
    if (tag === TAG.granted || tag === TAG.replayed) this.#grant(answer, nowMs);
    else if (tag === TAG.denied) this.#deny(answer);
    else if (tag === TAG.queued) this.#queue(answer, nowMs);
    else this.#caller.failed(this.#mistakeOf(answer));
  }

  failed(error: AppError): void {
    const { id, leaseMs, isFresh } = this.op;
    // Perhaps granted all the same: nobody else knows an id that was made here.
    if (isFresh) this.#desk.unconfirmed.add({ kind: 'cancel', id, isUnused: true }, leaseMs);
    if (this.#desk.local?.standIn(this.op, this.#caller) === true) return;
    this.#caller.failed(error);
  }

  /** Its caller left while it was queued, or nobody could be asked what became of it. */
  gaveUp(error: AppError, isLast: boolean): void {
    const { id, leaseMs, waitMs = 0 } = this.op;
    const op = { kind: 'cancel', id, isUnused: true } as const;
    if (isLast) this.#desk.unconfirmed.askNow(op, leaseMs + waitMs);
    this.#caller.failed(error);
  }

  servedLocally(): boolean {
    const { local, unconfirmed } = this.#desk;
    const { id, leaseMs, waitMs = 0 } = this.op;
    if (local?.standIn(this.op, this.#caller, { orWaits: true }) !== true) return false;
    unconfirmed.add({ kind: 'cancel', id, isUnused: true }, leaseMs + waitMs);
    return true;
  }

  #queue(answer: Answer, nowMs: number): void {
    this.#queuedSince = nowMs;
    if (this.#desk.isStopping()) this.gaveUp(shuttingDown(), true);
    else this.#desk.waiting.add(this, answer);
  }

  /** Asking again finds its own id ended where the grant was lost on its way, and has expired. */
  #mistakeOf(answer: Answer): AppError {
    const isOwn = this.#queuedSince !== undefined;
    return isOwn && answer.detail === CODES.MISTAKE.duplicate_request
      ? missed()
      : mistakeOf(answer);
  }

  #queuedMs(nowMs: number): number {
    return this.#queuedSince === undefined ? 0 : nowMs - this.#queuedSince;
  }

  #grant(answer: Answer, nowMs: number): void {
    const { events, renewals } = this.#desk;
    const { id, isFresh, isRenewed, signal } = this.op;
    const known = isFresh ? undefined : renewals.get(id);
    if (known?.fence === answer.fence) {
      this.#caller.granted(known);
      return;
    }
    const lease = this.#leaseOf(answer, nowMs);
    if (lease === undefined) return;
    const { claimMs = 0 } = answer;
    if (claimMs > 0) renewals.claim(lease, this.op, { sentAt: this.sentAt, claimMs });
    else if (isRenewed) renewals.add(lease, this.op, this.sentAt);
    if (lease.account !== NO_ACCOUNT) events.emit('granted', lease);
    const isStopping = this.#desk.isStopping();
    if (isStopping || signal?.aborted === true) {
      lease.release(UNUSED).catch(() => undefined);
      this.#caller.failed(isStopping ? shuttingDown() : gaveUp());
      return;
    }
    this.#caller.granted(lease);
  }

  /** Undefined where this daemon's configuration is older than the cell's: then it goes back. */
  #leaseOf(answer: Answer, heldSince: number): Lease | undefined {
    const { id, isFresh, leaseMs, requestId, tenant, targets } = this.op;
    const { link, keeper, unconfirmed } = this.#desk;
    const { fence, at: expiresAtMs } = answer;
    const isAlone = targets.length === 0;
    const targetIndex = isAlone ? 0 : readTarget(answer, targets, link);
    const target = isAlone ? NO_TARGET : targets[targetIndex];
    const account = isAlone ? NO_ACCOUNT : link.accountName(answer.account);
    if (account === undefined || target === undefined) {
      unconfirmed.add({ kind: 'release', id, fence, ...UNUSED }, leaseMs);
      const message = 'The store granted an account that this daemon does not know.';
      this.#caller.failed(new AppError('internal', message));
      return undefined;
    }
    // A waiter that asks again may find its own grant.
    const replayed = answer.tag === TAG.replayed && this.#queuedSince === undefined;
    const sticky = readSticky(answer);
    const grant = { account, target, targetIndex, fence, expiresAtMs, replayed, sticky };
    const queuedMs = this.#queuedMs(heldSince);
    const token = this.op.isRenewed ? undefined : this.#tokenOf(grant);
    const about = {
      requestId,
      tenant,
      targets,
      key: id,
      isFresh,
      leaseMs,
      heldSince,
      queuedMs,
      limits: answer.limits,
      token,
      keeper,
    };
    return new Lease(grant, about);
  }

  #tokenOf({ account, target, fence, expiresAtMs }: Grant): string | undefined {
    const { id, claim, tokens = 0, reserveMicro = 0, session } = this.op;
    const use = { claim, tokens, reserveMicro, session };
    return this.#desk.seal({ id, fence, account, ...target, expiresAtMs, ...use });
  }

  #deny(answer: Answer): void {
    const reason = REASONS[answer.detail] ?? 'pool_full';
    const target = this.op.targets[0];
    if (target !== undefined) this.#desk.events.emit('denied', { reason, target });
    const retryAfterMs = answer.at < 0 ? undefined : Math.ceil(answer.at) || DENIAL_RETRY_MS;
    this.#caller.denied({ kind: 'denied', reason, retryAfterMs, limits: answer.limits });
  }
}
