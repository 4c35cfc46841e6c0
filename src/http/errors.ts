// The only place that turns error codes into statuses and bodies: OpenAI's shape, Anthropic's on
// /v1/messages. It decides nothing and shows nothing but an AppError's own message.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asAppError, type AppError, type ErrorCode } from '../core/errors.ts';
import { retryAfterSeconds } from '../core/units.ts';
import type { Dialect } from '../gateway/endpoints.ts';
import { requestIdOf } from '../gateway/request-id.ts';

/** Who refused: this daemon, or the upstream behind it. */
export type ErrorOrigin = 'gateway' | 'upstream';

export interface SendErrorOptions {
  /** By default told by the code: `upstream_…` are the upstream's. */
  readonly origin?: ErrorOrigin;
  /** More headers, flat names and values. */
  readonly headers?: readonly string[];
}

const STATUSES: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  invalid_id: 400,
  invalid_params: 400,
  duplicate_request: 409,
  lease_not_found: 404,
  tenant_exists: 409,
  unauthenticated: 401,
  forbidden: 403,
  too_many_attempts: 429,
  admin_disabled: 403,
  tenant_not_found: 404,
  tenant_read_only: 409,
  key_not_found: 404,
  account_not_found: 404,
  directory_full: 409,
  alert_not_found: 404,
  job_not_found: 404,
  job_not_waiting: 409,
  file_not_found: 404,
  file_in_use: 409,
  files_full: 403,
  batch_not_found: 404,
  batch_ended: 400,
  batches_full: 429,
  model_not_found: 404,
  provider_not_available: 404,
  provider_disabled: 503,
  model_not_priced: 503,
  path_not_found: 404,
  method_not_allowed: 405,
  payload_too_large: 413,
  headers_too_large: 431,
  unsupported_media_type: 415,
  deferral_disabled: 400,
  request_timeout: 408,
  pool_full: 429,
  queue_full: 429,
  queue_timeout: 429,
  tenant_concurrency: 429,
  tenant_rate: 429,
  account_rate: 429,
  budget_stop: 429,
  breaker_open: 503,
  lane_busy: 429,
  journal_full: 429,
  journal_exhausted: 409,
  no_account_for_model: 503,
  recovering: 503,
  store_unavailable: 503,
  layout_newer: 503,
  shutting_down: 503,
  upstream_unreachable: 502,
  upstream_timeout: 504,
  upstream_protocol: 502,
  answer_too_large: 502,
  lease_lost: 503,
  client_closed: 499,
  config_invalid: 422,
  internal: 500,
};

/** What clients are told where they match on a word of their own, or two of ours are one to them. */
const WIRE_CODES: Readonly<Partial<Record<ErrorCode, string>>> = {
  budget_stop: 'insufficient_quota',
  provider_disabled: 'provider_not_available',
};

/** Told with a 429 or 503 that does not know better. */
const DEFAULT_RETRY_AFTER_MS = 1000;

export function statusOf(code: ErrorCode): number {
  return STATUSES[code];
}

/** The body of a refusal, as a client of `dialect` expects it. */
export function errorBody(
  error: AppError,
  options: { readonly dialect: Dialect; readonly origin: ErrorOrigin; readonly requestId: string },
): string {
  const { message, param = null } = error;
  const { dialect, origin, requestId } = options;
  const code = WIRE_CODES[error.code] ?? error.code;
  const why = reasonOf(error);
  if (dialect === 'anthropic') {
    const body = { type: anthropicType(error.code), message, code, origin, ...why };
    return JSON.stringify({ type: 'error', error: body, request_id: requestId });
  }
  const type = openaiType(error.code);
  return JSON.stringify({ error: { message, type, param, code, origin, ...why } });
}

/** Which rule refused, and when to try again; of what may pass by waiting or changing a limit. */
function reasonOf(error: AppError): { rule: string; retry_after_ms: number | null } | undefined {
  const status = statusOf(error.code);
  if (status !== 429 && status !== 503) return undefined;
  return { rule: error.code, retry_after_ms: error.retryAfterMs ?? null };
}

/**
 * Answers with `error`. Anything but an AppError becomes `internal` and keeps its words to itself.
 * After the answer has begun nothing can be told any more: the connection is cut, so that the
 * client cannot take a part for the whole.
 */
export function sendError(
  req: IncomingMessage,
  res: ServerResponse,
  error: unknown,
  options: SendErrorOptions = {},
): void {
  const told = asAppError(error);
  if (res.headersSent || told.code === 'client_closed') {
    res.destroy();
    return;
  }
  const status = statusOf(told.code);
  const requestId = requestIdOf(req);
  const origin = options.origin ?? originOf(told.code);
  const body = errorBody(told, { dialect: dialectOf(req), origin, requestId });
  const headers = errorHeaders(told, { requestId, origin, bytes: Buffer.byteLength(body) });
  if (options.headers !== undefined) headers.push(...options.headers);
  res.writeHead(status, headers);
  res.end(req.method === 'HEAD' ? undefined : body);
}

/**
 * Ends a stream of events, whose status is long told, with one more event that names the error.
 * The blank line before it ends an event that the upstream left half-written.
 */
export function endStreamWithError(
  req: IncomingMessage,
  res: ServerResponse,
  error: unknown,
): void {
  const told = asAppError(error);
  if (told.code === 'client_closed') {
    res.destroy();
    return;
  }
  const origin = originOf(told.code);
  const body = errorBody(told, { dialect: dialectOf(req), origin, requestId: requestIdOf(req) });
  res.end(`\n\nevent: error\ndata: ${body}\n\n`);
}

/** Flat names and values, as writeHead and raw sockets take them. */
export function errorHeaders(
  error: AppError,
  about: { readonly requestId: string; readonly origin: ErrorOrigin; readonly bytes: number },
): string[] {
  const headers = [
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    String(about.bytes),
    'x-request-id',
    about.requestId,
    'x-slotkeeper-origin',
    about.origin,
  ];
  const status = statusOf(error.code);
  if (status === 429 || status === 503) {
    const retryAfterMs = Math.max(1, Math.ceil(error.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS));
    headers.push('retry-after', String(retryAfterSeconds(retryAfterMs)));
    headers.push('retry-after-ms', String(retryAfterMs));
  }
  return headers;
}

export function originOf(code: ErrorCode): ErrorOrigin {
  return code.startsWith('upstream_') ? 'upstream' : 'gateway';
}

function dialectOf(req: IncomingMessage & { readonly originalUrl?: string }): Dialect {
  const url = req.originalUrl ?? req.url ?? '';
  return /^\/v1\/messages(?:[/?]|$)/.test(url) ? 'anthropic' : 'openai';
}

function openaiType(code: ErrorCode): string {
  const status = statusOf(code);
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}

function anthropicType(code: ErrorCode): string {
  const status = statusOf(code);
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 413) return 'request_too_large';
  if (status === 429) return 'rate_limit_error';
  if (status === 503) return 'overloaded_error';
  return status < 500 ? 'invalid_request_error' : 'api_error';
}
