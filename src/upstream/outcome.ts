// How an attempt's end is reported to the scheduler. Pure tables: what an upstream's status or
// our own error says about the account, and nothing about what the client is told.
import type { Outcome } from '../core/domain.ts';
import type { ErrorCode } from '../core/errors.ts';

const BY_STATUS: Readonly<Record<number, Outcome | undefined>> = {
  401: 'unusable',
  402: 'unusable',
  403: 'unusable',
  408: 'overloaded',
  429: 'rate_limited',
  502: 'overloaded',
  503: 'overloaded',
  504: 'overloaded',
  // Anthropic's "overloaded", and what Cloudflare says of an origin that it cannot use.
  520: 'overloaded',
  521: 'overloaded',
  522: 'overloaded',
  523: 'overloaded',
  524: 'overloaded',
  529: 'overloaded',
};

/** The outcome of an answer that came through whole. */
export function outcomeOfStatus(status: number): Outcome {
  if (status >= 200 && status < 300) return 'success';
  const listed = BY_STATUS[status];
  if (listed !== undefined) return listed;
  // Other 4xx are the caller's own faults: they say nothing about the account.
  return status >= 400 && status < 500 ? 'ignored' : 'failed';
}

const BY_CODE: Readonly<Partial<Record<ErrorCode, Outcome>>> = {
  upstream_unreachable: 'overloaded',
  upstream_timeout: 'overloaded',
  upstream_protocol: 'failed',
};

/** The outcome of an attempt that was broken off; whatever the upstream did not cause says nothing. */
export function outcomeOfError(code: ErrorCode): Outcome {
  return BY_CODE[code] ?? 'ignored';
}
