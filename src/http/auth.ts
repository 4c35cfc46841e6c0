// Who may call /v1 and /scheduler: the tenants by their API keys, and no other site's pages. It
// refuses by an AppError to `next`; it knows no routes, and keys are the directory's.
import type { Request, RequestHandler } from 'express';
import { isLoopback } from '../config/crosscheck.ts';
import { DEFAULT_TENANT } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { remade } from '../core/remade.ts';
import { identify, principalOf } from '../gateway/principal.ts';
import type { Directory } from '../tenants/directory.ts';
import type { Principal } from '../tenants/tenant.ts';
import { AttemptThrottle } from './attempt-throttle.ts';
import { bearerOf, matcherOf, presentedKey, refusalOf } from './presented-key.ts';

export interface ApiKeyOptions {
  readonly directory: Pick<Directory, 'needsKey' | 'anybody' | 'find' | 'fresh'>;
  /** Shared by all guarded routes, so that a guesser cannot change routes to start afresh. */
  readonly throttle?: AttemptThrottle;
}

const ASK_FOR_KEY =
  'Missing or wrong API key. Send it as "Authorization: Bearer <key>" or "x-api-key: <key>".';

const FOR_OPERATORS = 'This tells of all tenants: show the admin token.';

/**
 * Lets a request pass that carries a key as `Authorization: Bearer` or `x-api-key`, and writes down
 * whose it is; where nobody needs a key, every request passes. A right key always passes: a
 * misconfigured neighbour behind the same address must not lock others out.
 */
export function requireApiKey(options: ApiKeyOptions): RequestHandler {
  const { directory, throttle = new AttemptThrottle() } = options;
  const admit = (req: Request): AppError | undefined => {
    const presented = presentedKey(req);
    const principal = directory.needsKey ? directory.find(presented ?? '') : directory.anybody;
    if (principal === undefined) {
      return refusalOf(req, presented, { throttle, message: ASK_FOR_KEY });
    }
    return enter(req, principal);
  };
  return (req, _res, next) => {
    const stale = directory.fresh();
    if (stale === undefined) next(admit(req));
    else stale.then(() => next(admit(req))).catch(next);
  };
}

/**
 * What tells of all tenants opens to none of them: only to the admin's token, and to a key of the
 * default tenant, which is who runs a daemon without tenants.
 */
export function requireOperator(
  adminToken: () => string | undefined,
  { directory, throttle = new AttemptThrottle() }: ApiKeyOptions,
): RequestHandler {
  const matcher = remade(adminToken, matcherOf);
  const guard = requireApiKey({ directory, throttle });
  return (req, res, next) => {
    if (matcher()?.(bearerOf(req) ?? '') === true) next();
    else
      guard(req, res, (refused?: unknown) => {
        if (refused !== undefined) next(refused);
        else if (principalOf(req).tenant.name === DEFAULT_TENANT) next();
        else next(new AppError('forbidden', FOR_OPERATORS));
      });
  };
}

function enter(req: Request, principal: Principal): AppError | undefined {
  if (!principal.tenant.terms.enabled) {
    return new AppError('forbidden', 'This tenant is disabled.');
  }
  identify(req, principal);
  return undefined;
}

const READING_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses writing requests that a page of another site makes a browser send. Without a key the
 * page must even be served from loopback: a rebound DNS name has an Origin that equals its Host.
 */
export function refuseOtherOrigins(options: { readonly needsKey: () => boolean }): RequestHandler {
  return (req, _res, next) => {
    const { origin } = req.headers;
    if (origin === undefined || READING_METHODS.has(req.method)) next();
    else if (isOwnOrigin(origin, req.headers.host, options.needsKey())) next();
    else next(new AppError('forbidden', 'Cross-origin requests are not accepted.'));
  };
}

function isOwnOrigin(origin: string, host: string | undefined, needsKey: boolean): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  return url.host === host && (needsKey || isLoopback(url.hostname.replace(/^\[|\]$/g, '')));
}
