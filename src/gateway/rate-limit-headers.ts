// A tenant's rates as the headers that clients of the field read. It counts nothing.
import type { RateLimit, RateLimits } from '../scheduler/limits.ts';

/**
 * x-ratelimit-{limit,remaining,reset}-{requests,tokens}, flat names and values, for the rates that the
 * tenant has. `reset` is the time until everything is left again, as OpenAI writes it: 120ms, 1.5s,
 * 6m0s.
 */
export function rateLimitHeaders(limits: RateLimits | undefined): string[] {
  return [...headersOf('requests', limits?.requests), ...headersOf('tokens', limits?.tokens)];
}

function headersOf(what: 'requests' | 'tokens', rate: RateLimit | undefined): string[] {
  if (rate === undefined) return [];
  const { limit, remaining, resetMs } = rate;
  return [
    `x-ratelimit-limit-${what}`,
    String(limit),
    `x-ratelimit-remaining-${what}`,
    String(Math.max(0, Math.floor(remaining))),
    `x-ratelimit-reset-${what}`,
    formatReset(resetMs),
  ];
}

/** Rounded up: nobody is told to come too early. */
function formatReset(resetMs: number): string {
  const ms = Math.max(0, Math.ceil(resetMs));
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  return minutes === 0 ? seconds : `${minutes}m${seconds}`;
}
