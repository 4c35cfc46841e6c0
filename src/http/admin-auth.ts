// Who may call /admin: whoever has the admin's token, which is no API key and opens nothing else.
// Without a token the admin API is closed to everybody, on loopback too.
import type { IncomingMessage } from 'node:http';
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
  return requireToken(options, bearerOf);
}

/**
 * The same for pages: browsers ask people for the token, as the password of any name. They send it
 * with what pages of other sites make them ask, too, so it is for reading only.
 */
export function requireAdminLogin(options: AdminTokenOptions): RequestHandler {
  const guard = requireToken(options, (req) => passwordOf(req) ?? bearerOf(req));
  return (req, res, next) => {
    guard(req, res, (refused?: unknown) => {
      if (refused instanceof AppError && refused.code === 'unauthenticated') {
        res.setHeader('www-authenticate', 'Basic realm="Slotkeeper", charset="UTF-8"');
      }
      next(refused);
    });
  };
}

/** Of `Authorization: Basic`, as browsers encode it. */
function passwordOf({ headers }: IncomingMessage): string | undefined {
  const [, encoded] = /^basic +(.*)$/i.exec(headers.authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const [, ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return password.join(':');
}

function requireToken(
  { token, throttle = new AttemptThrottle() }: AdminTokenOptions,
  presentedBy: (req: IncomingMessage) => string | undefined,
): RequestHandler {
  const matcher = remade(token, matcherOf);
  return (req, _res, next) => {
    const isToken = matcher();
    if (isToken === undefined) {
      next(new AppError('admin_disabled', CLOSED));
      return;
    }
    const presented = presentedBy(req);
    if (isToken(presented ?? '')) next();
    else next(refusalOf(req, presented, { throttle, message: ASK_FOR_TOKEN }));
  };
}
