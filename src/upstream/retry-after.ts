// When an upstream wants to be asked again, as its headers say it: five forms of the field, one
// answer in ms. It believes nobody beyond an hour and decides nothing.
import type { IncomingHttpHeaders } from 'node:http';

/** Longer waits are guesses about somebody else's day: asking once an hour hurts nobody. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Whole ms from 1 to an hour; undefined where nothing sensible is said. In this order: `retry-after-ms`,
 * `retry-after` (seconds or an HTTP date), then the resets of rates: the last of those that have
 * nothing left, or, where none says so, the first of all.
 */
export function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const nowMs = clockOf(headers);
  return (
    sensible(number(textOf(headers['retry-after-ms']))) ??
    sensible(delayMs(textOf(headers['retry-after']), nowMs)) ??
    resetMs(headers, nowMs)
  );
}

/** Dates are told by the upstream's clock, so they are read by it where it tells the time. */
function clockOf({ date }: IncomingHttpHeaders): number {
  const told = date === undefined ? NaN : Date.parse(date);
  return Number.isNaN(told) ? Date.now() : told;
}

function sensible(ms: number): number | undefined {
  return ms > 0 ? Math.min(Math.ceil(ms), MAX_RETRY_AFTER_MS) : undefined;
}

/** x-ratelimit-reset-requests, anthropic-ratelimit-tokens-reset, x-ratelimit-reset … */
const RESET = /^(?:x|anthropic)-ratelimit-(?:.*-)?reset(?:-|$)/;

function resetMs(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const spent: number[] = [];
  const all: number[] = [];
  for (const name of Object.keys(headers)) {
    if (!RESET.test(name)) continue;
    const ms = sensible(delayMs(textOf(headers[name]), nowMs));
    if (ms === undefined) continue;
    all.push(ms);
    const left = number(textOf(headers[name.replace('reset', 'remaining')]));
    if (left <= 0) spent.push(ms);
  }
  if (spent.length > 0) return Math.max(...spent);
  return all.length > 0 ? Math.min(...all) : undefined;
}

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|[dhms]))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|us|µs|ns|[dhms])/g;
const MS_OF: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** From here on a plain number is a point in time: seconds since 1970, or ms. */
const EPOCH_SECONDS = 1e9;
const EPOCH_MS = 1e12;

/** Ms until what `text` says: `20`, `1m30s`, an HTTP date, RFC 3339, a time since 1970; else NaN. */
function delayMs(text: string, nowMs: number): number {
  const plain = number(text);
  if (plain >= EPOCH_MS) return plain - nowMs;
  if (plain >= EPOCH_SECONDS) return plain * 1000 - nowMs;
  if (!Number.isNaN(plain)) return plain * 1000;
  if (DURATION.test(text)) {
    const parts = [...text.matchAll(PART)];
    return parts.reduce((ms, [, count, unit = '']) => ms + Number(count) * (MS_OF[unit] ?? 0), 0);
  }
  return Date.parse(text) - nowMs;
}

/** NaN for anything but a plain number. */
function number(text: string): number {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
}

/** Of a repeated header the first; what is longer than any of the forms is none. */
function textOf(header: string | string[] | undefined): string {
  const text = (Array.isArray(header) ? header[0] : header) ?? '';
  return text.length <= MAX_TEXT ? text.trim() : '';
}

const MAX_TEXT = 100;
