// What leases ask of their scheduler: to be given back, and to be moved. Deciding is the store's.
import type { Outcome, ReleaseResult } from '../core/domain.ts';
import type { Pending } from './batcher.ts';
import type { Desk } from './acquiring.ts';
import { Demands } from './demands.ts';
import type { Lease, LeaseKeeper } from './lease.ts';
import { Moving, moveOf } from './moving.ts';
import type { MoveEnd } from './moving.ts';
import type { AppError } from '../core/errors.ts';
import { DENIAL_RETRY_MS, gaveUp } from './refusals.ts';
import { endLocally, Releasing, releaseOf } from './releasing.ts';
import type { MoveReport, MoveResult, ReleaseReport } from './types.ts';

export interface KeepingOptions extends Pick<
  Desk,
  'link' | 'events' | 'renewals' | 'unconfirmed' | 'waiting' | 'isStopping'
> {
  readonly send: (pending: Pending) => void;
}

const NOWHERE = {
  ...({ kind: 'denied', reason: 'pool_full' } as const),
  retryAfterMs: DENIAL_RETRY_MS,
  hasAccount: true,
};

export class Keeping implements LeaseKeeper {
  readonly #options: KeepingOptions;
  readonly #demands = new Demands();

  constructor(options: KeepingOptions) {
    this.#options = options;
  }

  giveBack(
    lease: Lease,
    report: ReleaseReport,
    moving: Promise<unknown> | undefined,
  ): Promise<ReleaseResult> {
    // A faulty report throws here, before anything ends.
    const op = releaseOf({ id: lease.key, fence: lease.fence }, report);
    const { renewals, events } = this.#options;
    const isLocal = renewals.isLocal(lease);
    renewals.remove(lease);
    if (isLocal) return endLocally(lease, op.outcome, events);
    if (moving === undefined) return this.#send(lease, op);
    this.#options.waiting.leave(lease.key);
    return moving.then(() => this.#send(lease, { ...op, fence: lease.fence }));
  }

  #send(lease: Lease, op: ReturnType<typeof releaseOf>): Promise<ReleaseResult> {
    const { send, events, unconfirmed } = this.#options;
    return new Promise((resolve, reject) => {
      send(new Releasing(lease, op, { events, unconfirmed, resolve, reject }));
    });
  }

  move(lease: Lease, report: MoveReport): Promise<MoveResult> {
    const { send, link, renewals, waiting, isStopping } = this.#options;
    // The store does not know it, and cannot be asked for another account.
    if (renewals.isLocal(lease)) return Promise.resolve(NOWHERE);
    if (report.signal?.aborted === true) return Promise.reject(gaveUp());
    const { key, fence, leaseMs, account, targets, queuedMs } = lease;
    const { priority } = renewals.asked(lease) ?? {};
    const held = { key, fence, leaseMs, account, targets, queuedMs, priority };
    const op = moveOf(held, report, this.#demands);
    return new Promise((resolve, reject) => {
      const failed = (error: AppError): void => {
        lease.moved(undefined);
        reject(error);
      };
      const told = (end: MoveEnd, waitedMs: number): void => {
        lease.waited(waitedMs);
        resolve(this.#moved(lease, op.outcome, end));
      };
      const isWanted = (): boolean => !isStopping() && !lease.isReleased;
      send(new Moving(op, { link, waiting, isWanted, told, failed, refused: reject }));
    });
  }

  /** The lease hears of it before anything else does, so nobody asks by its old fence any more. */
  #moved(lease: Lease, outcome: Outcome, end: MoveEnd): MoveResult {
    if (end.kind !== 'moved') return end;
    const { events, renewals } = this.#options;
    const { account: from, target: left } = lease;
    const { account: to, target } = end.place;
    lease.moved(end.place);
    renewals.extended(lease, end.sentAt);
    events.emit('moved', { from, left, outcome, to, target });
    return { kind: 'moved' };
  }
}
