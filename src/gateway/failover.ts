// Attempt after attempt: where one fails before its client has seen anything, the request's lease
// moves to another account and the next one begins. It takes no slot and gives none back; what an
// attempt was is judged by the table, where the request may go was decided before.
import type { FailoverLimits } from '../config/outcomes-schema.ts';
import type { AccountConfig, TargetConfig } from '../config/schema.ts';
import { AppError } from '../core/errors.ts';
import type { AccountFinder } from './account-book.ts';
import type { Lease } from '../scheduler/lease.ts';
import type { OutcomeReport } from '../scheduler/outcomes.ts';
import type { MoveReport } from '../scheduler/types.ts';
import type { UpstreamClient } from '../upstream/client.ts';
import { BROKEN_OFF, type Verdict } from '../upstream/outcome.ts';
import type { Asked } from './asked.ts';
import { attempt, type AttemptEnd } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import type { SlotRules } from './slot.ts';
import { WaitingClient } from './waiting-client.ts';

export interface Trying {
  readonly lease: Lease;
  readonly asked: Asked;
  /** Those of the acquire. */
  readonly targets: readonly TargetConfig[];
  /** Those that a later attempt may go to. */
  readonly others: readonly TargetConfig[];
  readonly limits: FailoverLimits;
}

export interface TryingContext {
  readonly upstream: UpstreamClient;
  /** By name. */
  readonly accounts: AccountFinder;
  readonly writeIdleTimeoutMs: number;
  readonly slots: Pick<SlotRules, 'waitKeepAliveMs'>;
}

/**
 * Ends with the last attempt, whose verdict is the exchange's then: about the account that the lease
 * is held on. Where no other account can be had, its answer or error is what the client gets. Rejects
 * where the exchange was broken off between two attempts.
 */
export async function tryAccounts(
  exchange: Exchange,
  trying: Trying,
  { upstream, accounts, writeIdleTimeoutMs, slots }: TryingContext,
): Promise<AttemptEnd> {
  const { lease, asked, others, limits } = trying;
  const startedAtMs = performance.now();
  const tried: string[] = [];
  for (let { targets } = trying; ; targets = others) {
    const account = accountOf(lease, accounts);
    const target = targets[lease.targetIndex] ?? lease.target;
    const end = await attempt(exchange, { upstream, account, asked, target, writeIdleTimeoutMs });
    exchange.verdict = end.verdict;
    const isLast = tried.length + 1 >= limits.maxAttempts;
    const leftMs = startedAtMs + limits.totalMs - performance.now();
    if (isLast || leftMs < 0 || !isOpen(end)) return told(end);
    const hasMoved = await moveOn(exchange, trying, { tried, leftMs, slots });
    exchange.throwIfBroken();
    if (!hasMoved) return told(end);
  }
}

/** Whether another attempt could give the client a better answer. */
function isOpen(end: AttemptEnd): boolean {
  const isUnseen = end.kind === 'held' || (end.kind === 'failed' && !end.begun);
  return isUnseen && end.verdict.failover;
}

/** Of a request whose attempt has failed. */
interface SoFar {
  /** Accounts before this one. */
  readonly tried: string[];
  /** Until no attempt may begin any more. */
  readonly leftMs: number;
  readonly slots: Pick<SlotRules, 'waitKeepAliveMs'>;
}

/** Whether the lease is held elsewhere now; the account that it left is never tried again. */
async function moveOn(exchange: Exchange, { lease, others }: Trying, so: SoFar): Promise<boolean> {
  const { tried } = so;
  const { account, target } = lease;
  const report = { ...reportOf(exchange.verdict), targets: others, exclude: tried };
  const result = await patiently(exchange, so, (patience) =>
    lease.move({ ...report, ...patience }).catch(cannotMove),
  );
  exchange.queueMs = lease.queuedMs;
  if (result.kind !== 'moved') return false;
  tried.push(account);
  exchange.noteFailover(target);
  exchange.verdict = BROKEN_OFF;
  exchange.pool = lease.target.pool;
  exchange.account = lease.account;
  return true;
}

/**
 * Waits where nothing is free, as long as an attempt may still begin, and as the request itself may
 * wait; a client that leaves ends it.
 */
async function patiently<T>(
  exchange: Exchange,
  { leftMs, slots }: SoFar,
  ask: (patience: Required<Pick<MoveReport, 'waitMs' | 'signal'>>) => Promise<T>,
): Promise<T> {
  const waitMs = Math.max(0, Math.floor(Math.min(leftMs, exchange.patienceMs - exchange.queueMs)));
  const client = new WaitingClient(exchange, slots.waitKeepAliveMs);
  exchange.throwIfBroken();
  exchange.worker = client;
  try {
    return await ask({ waitMs, signal: client.signal });
  } finally {
    client.over();
    exchange.worker = undefined;
  }
}

const ENDED_BY_RELEASE: ReadonlySet<AppError['code']> = new Set([
  'store_unavailable',
  'client_closed',
]);

/** The client gets what there is, if it is there; the release ends what became of the move. */
function cannotMove(error: unknown): { readonly kind: 'unknown' } {
  if (error instanceof AppError && ENDED_BY_RELEASE.has(error.code)) return { kind: 'unknown' };
  throw error;
}

/** What the heart is told of an account. */
export function reportOf({ outcome, retryAfterMs, breaker, scope }: Verdict): OutcomeReport {
  return { outcome, retryAfterMs, countsForBreaker: breaker, scope };
}

function told(end: AttemptEnd): AttemptEnd {
  return end.kind === 'held' ? end.pass() : end;
}

function accountOf(lease: Lease, accounts: TryingContext['accounts']): AccountConfig {
  const account = accounts.get(lease.account);
  if (account !== undefined) return account;
  // Another daemon of the cell has registered accounts that this one's configuration lacks.
  throw new AppError('no_account_for_model', 'The configuration is being changed; try again.');
}
