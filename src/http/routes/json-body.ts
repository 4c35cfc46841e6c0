// What JSON routes share: the body's type, and the answer to a method that a path does not have.
import type { RequestHandler } from 'express';
import { AppError } from '../../core/errors.ts';

/** A body of another type would be ignored silently, and with it what it says. */
export const requireJson: RequestHandler = (req, _res, next) => {
  const hasBody =
    req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length']) > 0;
  if (!hasBody || req.is('application/json') !== false) next();
  else next(new AppError('unsupported_media_type', 'Send the body as application/json.'));
};

export function refuseMethod(allowed: readonly string[]): RequestHandler {
  return (_req, res, next) => {
    res.setHeader('allow', allowed.join(', '));
    next(new AppError('method_not_allowed', `Use ${allowed.join(' or ')} here.`));
  };
}
