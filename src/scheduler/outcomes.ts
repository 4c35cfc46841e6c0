// How the end of an attempt is told to the heart. It judges no upstream answer: whoever reports does.
import type { Outcome, OutcomeScope } from '../core/domain.ts';
import { CODES } from '../redis/codes.ts';

/** What an attempt says of its account when it ends. */
export interface OutcomeReport {
  readonly outcome: Outcome;
  /** After which the upstream wants to be asked again. */
  readonly retryAfterMs?: number | undefined;
  /** Whether the breaker takes it for a failure; `overloaded` and `failed` are by default. */
  readonly countsForBreaker?: boolean | undefined;
  /** What `retryAfterMs` is about: the account (default), or its model alone. */
  readonly scope?: OutcomeScope | undefined;
}

const FAILURES: ReadonlySet<Outcome> = new Set(['overloaded', 'failed']);

/** The flags of an operation that reports it. */
export function outcomeFlags({ outcome, countsForBreaker, scope }: OutcomeReport): number {
  const { breaker, model } = CODES.RELEASE;
  const counts = countsForBreaker ?? FAILURES.has(outcome);
  return CODES.OUTCOME[outcome] + (counts ? breaker : 0) + (scope === 'model' ? model : 0);
}
