// What leases ask of their scheduler: to be given back, and to be moved. Deciding is the store's.
import type { ReleaseResult } from '../core/domain.ts';
import type { Pending } from './batcher.ts';
import type { Desk } from './acquiring.ts';
import { Demands } from './demands.ts';
import type { Lease, LeaseKeeper } from './lease.ts';
import { Moving, moveOf } from './moving.ts';
import { DENIAL_RETRY_MS } from './refusals.ts';
import { endLocally, Releasing, releaseOf } from './releasing.ts';
import type { MoveReport, MoveResult, ReleaseReport } from './types.ts';

export interface KeepingOptions extends Pick<Desk, 'link' | 'events' | 'renewals' | 'unconfirmed'> {
  readonly send: (pending: Pending) => void;
}

const NOWHERE = { kind: 'denied', reason: 'pool_full', retryAfterMs: DENIAL_RETRY_MS } as const;

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
    return moving.then(() => this.#send(lease, { ...op, fence: lease.fence }));
  }

  #send(lease: Lease, op: ReturnType<typeof releaseOf>): Promise<ReleaseResult> {
    const { send, events, unconfirmed } = this.#options;
    return new Promise((resolve, reject) => {
      send(new Releasing(lease, op, { events, unconfirmed, resolve, reject }));
    });
  }

  move(lease: Lease, report: MoveReport): Promise<MoveResult> {
    const { send, link, events, renewals } = this.#options;
    const { targets = lease.targets } = report;
    // The store does not know it, and cannot be asked for another account.
    if (renewals.isLocal(lease)) return Promise.resolve(NOWHERE);
    const op = moveOf(lease, report, this.#demands);
    return new Promise((resolve, reject) => {
      send(new Moving(lease, op, targets, { link, events, renewals, resolve, reject }));
    });
  }
}
