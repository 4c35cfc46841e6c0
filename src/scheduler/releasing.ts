// One release of a held lease, from the question to its answer. One that the store did not confirm
// is asked again in the background (unconfirmed.ts).
import type { Outcome, ReleaseResult } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { MAX_AMOUNT_MICRO } from '../core/money.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { CODES } from '../redis/codes.ts';
import type { Pending } from './batcher.ts';
import { NO_ACCOUNT, type Lease } from './lease.ts';
import type { ReleaseReport } from './types.ts';
import type { Unconfirmed } from './unconfirmed.ts';
import type { Answer } from './replies.ts';
import type { Operation, ReleaseOperation } from './wire.ts';

export interface ReleasingOptions {
  readonly events: SchedulerEmitter;
  readonly unconfirmed: Unconfirmed;
  readonly resolve: (result: ReleaseResult) => void;
  readonly reject: (error: AppError) => void;
}

/** The operation that gives a lease back and tells what its use has cost. */
export function releaseOf(
  { id, fence }: { readonly id: string; readonly fence: number },
  report: ReleaseReport,
): ReleaseOperation {
  const { outcome = 'success', retryAfterMs, costMicro, tokens, spend } = report;
  const { countsForBreaker, scope } = report;
  return {
    kind: 'release',
    id,
    fence,
    outcome,
    retryAfterMs,
    countsForBreaker,
    scope,
    costMicro: checkedNumber('costMicro', costMicro, MAX_AMOUNT_MICRO),
    tokens: checkedNumber('tokens', tokens, MAX_TOKENS),
    spend: spend && spendLine(spend),
  };
}

/** The end of a lease that the store has never heard of: it has nothing to take back or to settle. */
export function endLocally(
  { account, target, heldSince }: Lease,
  outcome: ReleaseOperation['outcome'],
  events: SchedulerEmitter,
): Promise<ReleaseResult> {
  events.emit('released', { account, target, outcome, heldMs: performance.now() - heldSince });
  return Promise.resolve('released');
}

const MAX_TOKENS = 2 ** 32 - 1;

function checkedNumber(name: string, value: number | undefined, most: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= most)) return value;
  throw new AppError('invalid_params', `${name} must be an integer from 0 to ${most}.`, {
    param: name,
  });
}

function spendLine({ route, model, run = '' }: NonNullable<ReleaseReport['spend']>): string {
  return [route, model, run].map((word) => word.replace(/[\t\n]/g, ' ')).join('\t');
}

export class Releasing implements Pending {
  readonly op: Operation;
  readonly sentAt = performance.now();
  /** Nobody asks again for a fresh id. */
  readonly blocksId: boolean;
  readonly #lease: Lease;
  readonly #outcome: Outcome;
  readonly #options: ReleasingOptions;

  constructor(lease: Lease, op: ReleaseOperation, options: ReleasingOptions) {
    // After a move that was not confirmed nobody knows its fence: its id ends it.
    this.op = lease.isUncertain ? { kind: 'cancel', id: op.id, report: op } : op;
    this.#outcome = op.outcome;
    this.blocksId = !lease.isFresh;
    this.#lease = lease;
    this.#options = options;
  }

  answered({ tag }: Answer, nowMs: number): void {
    const { account, target, heldSince } = this.#lease;
    const { events, resolve } = this.#options;
    const heldMs = nowMs - heldSince;
    if (account !== NO_ACCOUNT)
      events.emit('released', { account, target, outcome: this.#outcome, heldMs });
    const { released, was_granted: wasGranted } = CODES.TAG;
    resolve(tag === released || tag === wasGranted ? 'released' : 'already');
  }

  failed(error: AppError): void {
    const { requestId, account, leaseMs } = this.#lease;
    const { events, unconfirmed, reject } = this.#options;
    unconfirmed.add(this.op, leaseMs);
    events.emit('releaseFailed', { requestId, account, error });
    reject(error);
  }
}
