// One move of a held lease, from the question to its answer. It tells the lease where it is held
// before anything else hears of the answer, so nobody asks by its old fence any more.
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { CODES, namesByCode } from '../redis/codes.ts';
import type { Target } from '../core/domain.ts';
import type { Pending } from './batcher.ts';
import type { CellLink } from './cell-link.ts';
import type { Demands } from './demands.ts';
import { NO_ACCOUNT, type Lease } from './lease.ts';
import { DENIAL_RETRY_MS, mistakeOf } from './refusals.ts';
import type { Renewals } from './renewals.ts';
import type { Answer } from './replies.ts';
import type { MoveReport, MoveResult } from './types.ts';
import type { MoveOperation } from './wire.ts';

const TAG = CODES.TAG;
const REASONS = namesByCode(CODES.REASON);
const MAX_EXCLUDED = 16;

export interface MovingOptions {
  readonly link: CellLink;
  readonly events: SchedulerEmitter;
  readonly renewals: Renewals;
  readonly resolve: (result: MoveResult) => void;
  readonly reject: (error: AppError) => void;
}

/** The operation that moves a lease. Throws `invalid_params` for what cannot be asked. */
export function moveOf(lease: Lease, report: MoveReport, demands: Demands): MoveOperation {
  const { targets = lease.targets, exclude = [] } = report;
  const { outcome, retryAfterMs, countsForBreaker, scope } = report;
  if (exclude.length > MAX_EXCLUDED || exclude.some((name) => /[\t\n]/.test(name))) {
    throw new AppError('invalid_params', `exclude names at most ${MAX_EXCLUDED} accounts.`, {
      param: 'exclude',
    });
  }
  if (lease.account === NO_ACCOUNT) {
    throw new AppError('invalid_params', 'A lane alone has no account to move from.');
  }
  return {
    kind: 'move',
    id: lease.key,
    demand: demands.of(targets).text,
    fence: lease.fence,
    leaseMs: lease.leaseMs,
    outcome,
    retryAfterMs,
    countsForBreaker,
    scope,
    exclude: exclude.join('\t'),
  };
}

export class Moving implements Pending {
  readonly op: MoveOperation;
  readonly sentAt = performance.now();
  /** Whatever else is asked for the id must know the new fence. */
  readonly blocksId = true;
  readonly #lease: Lease;
  readonly #targets: readonly Target[];
  readonly #options: MovingOptions;

  constructor(lease: Lease, op: MoveOperation, targets: readonly Target[], options: MovingOptions) {
    this.op = op;
    this.#lease = lease;
    this.#targets = targets;
    this.#options = options;
  }

  answered(answer: Answer): void {
    const { resolve, reject } = this.#options;
    if (answer.tag === TAG.moved) this.#moved(answer);
    else if (answer.tag === TAG.lost) resolve({ kind: 'lost' });
    else if (answer.tag === TAG.denied) {
      const reason = REASONS[answer.detail] ?? 'pool_full';
      const retryAfterMs = answer.at < 0 ? undefined : Math.ceil(answer.at) || DENIAL_RETRY_MS;
      resolve({ kind: 'denied', reason, retryAfterMs });
    } else reject(mistakeOf(answer));
  }

  /** Perhaps moved all the same: the lease is ended by its id then. */
  failed(error: AppError): void {
    this.#lease.moved(undefined);
    this.#options.reject(error);
  }

  #moved({ detail: targetIndex, account: index, fence, at: expiresAtMs }: Answer): void {
    const { link, events, renewals, resolve } = this.#options;
    const { account: from, target: left } = this.#lease;
    const account = link.accountName(index);
    const target = this.#targets[targetIndex];
    if (account === undefined || target === undefined) {
      this.failed(
        new AppError('internal', 'The store moved to an account that this daemon does not know.'),
      );
      return;
    }
    this.#lease.moved({ account, target, targetIndex, fence, expiresAtMs });
    renewals.extended(this.#lease, this.sentAt);
    events.emit('moved', { from, left, outcome: this.op.outcome, to: account, target });
    resolve({ kind: 'moved' });
  }
}
