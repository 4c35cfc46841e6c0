// Who may call /admin: whoever has the admin's token, which is no API key and opens nothing else.
// Without a token the admin API is closed to everybody, on loopback too.
import type { RequestHandler } from 'express';
import { AppError } from '../core/errors.ts';
import { remade } from '../core/remade.ts';
import { AttemptThrottle } from './attempt-throttle.ts';
import { bearerOf, matcherOf, refusalOf } from './presented-key.ts';

export interface AdminTokenOptions {
  /** The present one; undefined closes the admin API. */
  readonly token: () => string | undefined;
  /** Its own: whoever guesses API keys must not lock the admin's answers, nor the other way. */
  readonly throttle?: AttemptThrottle;
}

const ASK_FOR_TOKEN =
  'Missing or wrong admin token. Send it as "Authorization: Bearer <token>"; API keys do not serve here.';
const CLOSED =
  'The admin API is closed: set admin.token (SLOTKEEPER_ADMIN_TOKEN, at least 16 characters).';

/** `Authorization: Bearer` alone: `x-api-key` carries API keys. */
export function requireAdminToken(options: AdminTokenOptions): RequestHandler {
  const { token, throttle = new AttemptThrottle() } = options;
  const matcher = remade(token, matcherOf);
  return (req, _res, next) => {
    const isToken = matcher();
    if (isToken === undefined) {
      next(new AppError('admin_disabled', CLOSED));
      return;
    }
    const presented = bearerOf(req);
    if (isToken(presented ?? '')) next();
    else next(refusalOf(req, presented, { throttle, message: ASK_FOR_TOKEN }));
  };
}
