// The access line, the one line that every request pays for. Its fields are fixed here, so it needs
// no walk through unknown values: nothing of a request's headers or body can be in it. The few texts
// that others wrote (a client's request id, messages of errors) are redacted like any other.
import { escapeControls } from './escape.ts';
import { redactText } from './redact.ts';

/** One finished request. Durations in ms; what is undefined is left out of the line. */
export interface AccessFacts {
  readonly requestId: string;
  readonly method?: string;
  readonly path: string;
  readonly route?: string | undefined;
  readonly status: number;
  readonly reason?: string | undefined;
  readonly outcome?: string | undefined;
  readonly sign?: string | undefined;
  readonly pool?: string | undefined;
  readonly account?: string | undefined;
  readonly attempts?: number;
  readonly failed?: readonly FailedAttempt[];
  readonly stream?: boolean;
  readonly usage?: TokenCounts | undefined;
  readonly reservedBy?: string | undefined;
  readonly totalMs: number;
  readonly queueMs?: number;
  readonly overheadMs?: number;
  readonly upstreamMs?: number | undefined;
  readonly ttfbMs?: number | undefined;
  readonly error?: Error | undefined;
}

/** All attempts but the last one. */
interface FailedAttempt {
  readonly pool: string;
  readonly account: string;
  readonly outcome: string;
  readonly sign: string | undefined;
}

interface TokenCounts {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly cachedInputTokens: number | undefined;
}

/** The line of `facts`, without its end. */
export function accessLine(facts: AccessFacts, time: Date): string {
  const { error, failed } = facts;
  const line = JSON.stringify({
    time,
    level: 'info',
    message: 'request',
    requestId: redactText(facts.requestId),
    method: facts.method,
    path: facts.path,
    route: facts.route,
    status: facts.status,
    reason: facts.reason,
    outcome: facts.outcome,
    sign: facts.sign,
    pool: facts.pool,
    account: facts.account,
    attempts: facts.attempts,
    failed: failed && failed.length > 0 ? failed : undefined,
    stream: facts.stream,
    usage: facts.usage,
    reservedBy: facts.reservedBy,
    totalMs: rounded(facts.totalMs),
    queueMs: rounded(facts.queueMs),
    overheadMs: rounded(facts.overheadMs),
    upstreamMs: rounded(facts.upstreamMs),
    ttfbMs: rounded(facts.ttfbMs),
    // The chain of messages, not of stacks: a refusal is nothing to debug.
    error: error && redactText(error.message),
    cause: error?.cause instanceof Error ? redactText(error.cause.message) : undefined,
  });
  return escapeControls(line);
}

/** To microseconds: the clock's further digits are noise. */
function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1000;
}
