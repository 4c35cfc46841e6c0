// The headers of an answer: what of the upstream's passes, and what the gateway says of its own work.
import type { IncomingHttpHeaders } from 'node:http';
import { passHeaders } from '../upstream/headers.ts';
import type { Exchange } from './exchange.ts';
import { rateLimitHeaders } from './rate-limit-headers.ts';

/** Of an upstream's answer; flat names and values. */
export function answerHeaders(exchange: Exchange, upstream: IncomingHttpHeaders): string[] {
  const { requestId, queueMs, answeredAtMs, limits } = exchange;
  const overheadMs = exchange.overheadMs(answeredAtMs ?? performance.now());
  const headers = ['x-request-id', requestId, 'x-slotkeeper-origin', 'upstream'];
  headers.push(...attemptHeaders(exchange));
  headers.push('x-slotkeeper-queue-ms', queueMs.toFixed(1));
  headers.push('x-slotkeeper-overhead-ms', overheadMs.toFixed(1));
  passHeaders(upstream, headers, { withLimits: limits === undefined });
  if (limits !== undefined) headers.push(...rateLimitHeaders(limits));
  return headers;
}

/** Of a refusal; flat names and values. */
export function refusalHeaders(exchange: Exchange): string[] {
  return [...attemptHeaders(exchange), ...rateLimitHeaders(exchange.limits)];
}

/** Which account was tried last, by its label, and how many were. */
function attemptHeaders({ attempts, accountLabel, verdict }: Exchange): string[] {
  const headers = ['x-slotkeeper-attempts', String(attempts)];
  if (accountLabel !== undefined) headers.push('x-slotkeeper-account', accountLabel);
  if (verdict.defer) headers.push('x-slotkeeper-deferrable', 'true');
  return headers;
}
