// Who may call: one API key for /v1 and /scheduler, and no other site's pages. It refuses by an
// AppError to `next`; it knows no routes and stores no key, only the key's digest.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { isLoopback } from '../config/crosscheck.ts';
import { AppError } from '../core/errors.ts';
import { DEFAULT_TENANT } from '../core/domain.ts';
import { AttemptThrottle } from './attempt-throttle.ts';

/** Until tenants exist: who holds the leases that a caller takes through the Scheduler API. */
export function holderOf(apiKey: string | undefined): string {
  if (apiKey === undefined) return DEFAULT_TENANT;
  // A digest of its own purpose: it is stored in Redis and must not help to check guesses there
  // against the digest that authenticates.
  return createHash('sha256').update(`slotkeeper holder\0${apiKey}`).digest('hex').slice(0, 32);
}

export interface ApiKeyOptions {
  readonly apiKey: string | undefined;
  /** Shared by all guarded routes, so that a guesser cannot change routes to start afresh. */
  readonly throttle?: AttemptThrottle;
}

/**
 * Lets a request pass that carries the key as `Authorization: Bearer` or `x-api-key`; without a
 * configured key lets every request pass. The right key always passes: a misconfigured neighbour
 * behind the same address must not lock others out. Wrong ones are answered alike, whatever they
 * share with the right one, and more than a few a minute from one address get 429.
 */
export function requireApiKey(options: ApiKeyOptions): RequestHandler {
  const { apiKey, throttle = new AttemptThrottle() } = options;
  if (apiKey === undefined) return (_req, _res, next) => next();
  const expected = digest(apiKey);
  return (req, _res, next) => {
    const presented = presentedKey(req);
    if (timingSafeEqual(digest(presented ?? ''), expected)) next();
    else next(refusal(req, presented, throttle));
  };
}

function refusal(
  req: IncomingMessage,
  presented: string | undefined,
  throttle: AttemptThrottle,
): AppError {
  const retryAfterMs =
    presented === undefined ? 0 : throttle.failed(req.socket.remoteAddress ?? '', Date.now());
  if (retryAfterMs > 0) {
    return new AppError('too_many_attempts', 'Too many wrong API keys from this address.', {
      retryAfterMs,
    });
  }
  return new AppError(
    'unauthenticated',
    'Missing or wrong API key. Send it as "Authorization: Bearer <key>" or "x-api-key: <key>".',
  );
}

/** `Authorization` decides where it is sent: a failed authentication has no fallback. */
function presentedKey(req: IncomingMessage): string | undefined {
  const { authorization } = req.headers;
  if (authorization !== undefined) return /^bearer +(.*)$/i.exec(authorization)?.[1] ?? '';
  const header = req.headers['x-api-key'];
  return Array.isArray(header) ? header.join() : header;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

const READING_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses writing requests that a page of another site makes a browser send. Without a key the
 * page must even be served from loopback: a rebound DNS name has an Origin that equals its Host.
 */
export function refuseOtherOrigins(options: { readonly hasApiKey: boolean }): RequestHandler {
  return (req, _res, next) => {
    const { origin } = req.headers;
    if (origin === undefined || READING_METHODS.has(req.method)) next();
    else if (isOwnOrigin(origin, req.headers.host, options.hasApiKey)) next();
    else next(new AppError('forbidden', 'Cross-origin requests are not accepted.'));
  };
}

function isOwnOrigin(origin: string, host: string | undefined, hasApiKey: boolean): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  return url.host === host && (hasApiKey || isLoopback(url.hostname.replace(/^\[|\]$/g, '')));
}
