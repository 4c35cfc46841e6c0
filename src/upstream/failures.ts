// What a failed upstream call means, in the product's own codes. The words of the transport (with
// addresses and ports in them) stay in `cause`, for the log.
import { AppError, type ErrorCode } from '../core/errors.ts';

/** `begun`: whether the head of the answer had arrived. */
export function upstreamFailure(error: Error, { begun }: { readonly begun: boolean }): AppError {
  if (error instanceof AppError) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const unreadable = error.name === 'HTTPParserError' || PROTOCOL_CODES.has(code);
  const [kind, message] = unreadable ? NOT_HTTP : failureOf(code, begun);
  return new AppError(kind, message, { cause: error });
}

function failureOf(code: string, begun: boolean): readonly [kind: ErrorCode, message: string] {
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return ['upstream_timeout', 'The upstream could not be connected to in time.'];
  }
  if (begun) {
    const message = 'The upstream closed the connection before its answer was complete.';
    return ['upstream_unreachable', message];
  }
  return ['upstream_unreachable', 'The upstream could not be reached.'];
}

const NOT_HTTP = ['upstream_protocol', 'The upstream did not answer with valid HTTP.'] as const;

const PROTOCOL_CODES = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_INVALID_ARG',
]);
