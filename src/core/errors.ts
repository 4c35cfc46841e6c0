// The one exception type of the product and the closed list of its codes.
// It knows nothing of HTTP: http/errors.ts alone turns codes into statuses and bodies.

/** Why a request was refused or failed. Stable: clients and dashboards match on these words. */
export const ERROR_CODES = [
  // the caller's mistake
  'invalid_request',
  'invalid_id',
  'invalid_params',
  'duplicate_request',
  'lease_not_found',
  'tenant_exists',
  // who is calling
  'unauthenticated',
  'forbidden',
  'too_many_attempts',
  // what an admin asks for
  'admin_disabled',
  'tenant_not_found',
  'tenant_read_only',
  'key_not_found',
  'account_not_found',
  'directory_full',
  'alert_not_found',
  'job_not_found',
  'job_not_waiting',
  // files and batches
  'file_not_found',
  'file_in_use',
  'files_full',
  'batch_not_found',
  'batch_ended',
  'batches_full',
  // messages of sessions
  'journal_exhausted',
  // where it should go
  'model_not_found',
  'provider_not_available',
  'provider_disabled',
  'model_not_priced',
  'path_not_found',
  'method_not_allowed',
  'payload_too_large',
  'headers_too_large',
  'unsupported_media_type',
  'deferral_disabled',
  'request_timeout',
  // no capacity now
  'pool_full',
  'queue_full',
  'queue_timeout',
  'tenant_concurrency',
  'tenant_rate',
  'account_rate',
  'budget_stop',
  'breaker_open',
  'lane_busy',
  'journal_full',
  'no_account_for_model',
  'recovering',
  'store_unavailable',
  'layout_newer',
  'shutting_down',
  // the upstream's side
  'upstream_unreachable',
  'upstream_timeout',
  'upstream_protocol',
  'answer_too_large',
  'lease_lost',
  'client_closed',
  // ours
  'config_invalid',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface AppErrorDetails {
  /** Milliseconds after which a repeat may succeed. */
  readonly retryAfterMs?: number;
  /** The field or parameter that is at fault, as a dotted path. */
  readonly param?: string;
  readonly cause?: unknown;
}

/**
 * The product's only exception. `message` is for the caller: it says what is wrong, where, and
 * what to do, and never contains credentials, store text or a stack.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly param: string | undefined;

  constructor(code: ErrorCode, message: string, details: AppErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AppError';
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.param = details.param;
  }
}

/** `error` when it is an AppError already, else an `internal` one that keeps it as its cause. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('internal', 'An internal error occurred.', { cause: error });
}
