// One move of a held lease, from the question to its end: at once, or after it has waited without an
// account (waiting.ts). It knows no lease: who asked is told where the request is held now.
import { AppError } from '../core/errors.ts';
import { CODES, namesByCode } from '../redis/codes.ts';
import type { Target } from '../core/domain.ts';
import { MAX_WAIT_MS, checkNumber, LOWEST_PRIORITY } from './asking.ts';
import type { Pending } from './batcher.ts';
import type { CellLink } from './cell-link.ts';
import type { Demands } from './demands.ts';
import { NO_ACCOUNT, type Place } from './lease.ts';
import { DENIAL_RETRY_MS, gaveUp, mistakeOf } from './refusals.ts';
import type { Answer } from './replies.ts';
import type { MoveDenial, MoveReport } from './types.ts';
import type { Queued, Waiting } from './waiting.ts';
import type { MoveOperation } from './wire.ts';

const TAG = CODES.TAG;
const REASONS = namesByCode(CODES.REASON);
const MAX_EXCLUDED = 16;

/** What is asked of the heart, and what its waiting needs. */
export interface MoveAsked extends MoveOperation {
  readonly targets: readonly Target[];
  readonly signal: AbortSignal | undefined;
}

/** How a move ends. */
export type MoveEnd =
  | { readonly kind: 'moved'; readonly place: Place; readonly sentAt: number }
  | MoveDenial
  | { readonly kind: 'lost' };

export interface MovingOptions {
  readonly link: CellLink;
  readonly waiting: Waiting;
  /** Whether anybody waits for its end still. */
  readonly isWanted: () => boolean;
  /** `waitedMs`: how long it had been queued. */
  readonly told: (end: MoveEnd, waitedMs: number) => void;
  /** Perhaps moved all the same, or waiting: nobody knows. */
  readonly failed: (error: AppError) => void;
  /** Refused before anything has changed. */
  readonly refused: (error: AppError) => void;
}

/** The request that moves. */
export interface Movable {
  /** "tenant/id". */
  readonly key: string;
  readonly fence: number;
  readonly leaseMs: number;
  readonly account?: string;
  readonly targets: readonly Target[];
  /** How long in ms it had been queued before its first account, as far as that is known. */
  readonly queuedMs?: number;
  readonly priority?: number | undefined;
}

/** The operation that moves a lease. Throws `invalid_params` for what cannot be asked. */
export function moveOf(held: Movable, report: MoveReport, demands: Demands): MoveAsked {
  const { targets = held.targets, exclude = [], waitMs = 0, signal } = report;
  const { outcome, retryAfterMs, countsForBreaker, scope } = report;
  const { priority = held.priority } = report;
  if (exclude.length > MAX_EXCLUDED || exclude.some((name) => /[\t\n]/.test(name))) {
    throw new AppError('invalid_params', `exclude names at most ${MAX_EXCLUDED} accounts.`, {
      param: 'exclude',
    });
  }
  if (held.account === NO_ACCOUNT) {
    throw new AppError('invalid_params', 'A lane alone has no account to move from.');
  }
  checkNumber('waitMs', waitMs, MAX_WAIT_MS);
  if (priority !== undefined) checkNumber('priority', priority, LOWEST_PRIORITY);
  return {
    kind: 'move',
    id: held.key,
    demand: demands.of(targets).text,
    fence: held.fence,
    leaseMs: held.leaseMs,
    outcome,
    retryAfterMs,
    countsForBreaker,
    scope,
    exclude: exclude.join('\t'),
    waitMs,
    ...(held.queuedMs !== undefined && { queuedMs: held.queuedMs }),
    ...(priority !== undefined && { priority }),
    targets,
    signal,
  };
}

export class Moving implements Pending, Queued {
  readonly op: MoveAsked;
  /** performance.now() before the store decided, at the latest. */
  sentAt = performance.now();
  /** Whatever else is asked for the id must know the new fence. */
  readonly blocksId = true;
  readonly #options: MovingOptions;
  #queuedSince: number | undefined;

  constructor(op: MoveAsked, options: MovingOptions) {
    this.op = op;
    this.#options = options;
  }

  answered(answer: Answer): void {
    const { told, refused } = this.#options;
    if (answer.tag === TAG.moved) this.#moved(answer);
    else if (answer.tag === TAG.queued) this.#queue(answer);
    else if (answer.tag === TAG.lost) told({ kind: 'lost' }, this.#waitedMs());
    else if (answer.tag === TAG.denied) {
      const reason = REASONS[answer.detail] ?? 'pool_full';
      const retryAfterMs = answer.at < 0 ? undefined : Math.ceil(answer.at) || DENIAL_RETRY_MS;
      const hasAccount = this.#queuedSince === undefined;
      told({ kind: 'denied', reason, retryAfterMs, hasAccount }, this.#waitedMs());
    } else if (this.#queuedSince !== undefined) this.failed(mistakeOf(answer));
    else refused(mistakeOf(answer));
  }

  failed(error: AppError): void {
    this.#options.failed(error);
  }

  gaveUp(error: AppError): void {
    this.#options.failed(error);
  }

  /** Its request is the store's alone. */
  servedLocally(): boolean {
    return false;
  }

  #queue(answer: Answer): void {
    const { waiting, isWanted } = this.#options;
    this.#queuedSince ??= performance.now();
    if (isWanted()) waiting.add(this, answer);
    else this.gaveUp(gaveUp());
  }

  #moved({ detail: targetIndex, account: index, fence, at: expiresAtMs }: Answer): void {
    const { link, told } = this.#options;
    const account = link.accountName(index);
    const target = this.op.targets[targetIndex];
    if (account === undefined || target === undefined) {
      this.failed(
        new AppError('internal', 'The store moved to an account that this daemon does not know.'),
      );
      return;
    }
    const place = { account, target, targetIndex, fence, expiresAtMs };
    told({ kind: 'moved', place, sentAt: this.sentAt }, this.#waitedMs());
  }

  #waitedMs(): number {
    return this.#queuedSince === undefined ? 0 : performance.now() - this.#queuedSince;
  }
}
