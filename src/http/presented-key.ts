// The secret that a request shows, and what it is told when that is the wrong one. It knows no key.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../core/errors.ts';
import type { AttemptThrottle } from './attempt-throttle.ts';

/** The token of `Authorization: Bearer`; empty for another scheme. */
export function bearerOf({ headers }: IncomingMessage): string | undefined {
  const { authorization } = headers;
  if (authorization === undefined) return undefined;
  return /^bearer +(.*)$/i.exec(authorization)?.[1] ?? '';
}

/** `Authorization` decides where it is sent: a failed authentication has no fallback. */
export function presentedKey(req: IncomingMessage): string | undefined {
  const bearer = bearerOf(req);
  if (bearer !== undefined) return bearer;
  const header = req.headers['x-api-key'];
  return Array.isArray(header) ? header.join() : header;
}

/** A secret may be chosen by people: its comparison must take the same time for all guesses. */
export function matcherOf(
  secret: string | undefined,
): ((presented: string) => boolean) | undefined {
  if (secret === undefined) return undefined;
  const expected = digest(secret);
  return (presented) => timingSafeEqual(digest(presented), expected);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * The refusal of a missing or wrong secret. Wrong ones are answered alike, whatever they share with a
 * right one, and more than a few a minute from one address get 429.
 */
export function refusalOf(
  req: IncomingMessage,
  presented: string | undefined,
  { throttle, message }: { readonly throttle: AttemptThrottle; readonly message: string },
): AppError {
  const retryAfterMs =
    presented === undefined ? 0 : throttle.failed(req.socket.remoteAddress ?? '', Date.now());
  if (retryAfterMs === 0) return new AppError('unauthenticated', message);
  return new AppError('too_many_attempts', 'Too many wrong keys from this address.', {
    retryAfterMs,
  });
}
