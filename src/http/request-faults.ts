// Turns what Express and its parsers throw about a request into the product's error. Their own
// messages can carry the caller's bytes or paths of this machine, so none is passed on.
import { AppError, asAppError, type ErrorCode } from '../core/errors.ts';

/** By body-parser's `type`. */
const BODY_FAULTS: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  'entity.too.large': ['payload_too_large', 'The body is too large.'],
  'entity.parse.failed': ['invalid_request', 'The body is not valid JSON.'],
  'encoding.unsupported': ['unsupported_media_type', 'Send the body without content-encoding.'],
  'charset.unsupported': ['unsupported_media_type', 'Send the body as UTF-8.'],
  'request.aborted': ['client_closed', 'The client left before its request was complete.'],
  'request.size.invalid': ['invalid_request', 'The body is not as long as its content-length.'],
};

export function requestFault(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { type, status } = (error ?? {}) as { readonly type?: unknown; readonly status?: unknown };
  const known = typeof type === 'string' ? BODY_FAULTS[type] : undefined;
  if (known !== undefined) return new AppError(known[0], known[1], { cause: error });
  // Express refuses paths that are not valid percent-encoding in this way.
  if (error instanceof URIError || status === 400) {
    return new AppError('invalid_request', 'The request is malformed.', { cause: error });
  }
  return asAppError(error);
}

/** Forms of a path that mean something else after decoding or in another server's eyes. */
const STRANGE_PATH = /\/\/|[;\\]|%00|(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

/** Whether a request's URL names its path in more than one way. The query is not looked at. */
export function isStrangePath(url: string): boolean {
  const query = url.indexOf('?');
  return !url.startsWith('/') || STRANGE_PATH.test(query < 0 ? url : url.slice(0, query));
}
