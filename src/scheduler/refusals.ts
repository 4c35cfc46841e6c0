// What a caller is told when the heart says no: messages and codes, and the checks of ids.
import type { DenialReason } from '../core/domain.ts';
import { DEFAULT_TENANT, NAME_PATTERN, isRequestId } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { CODES } from '../redis/codes.ts';
import type { Denial, LeaseRef } from './types.ts';
import type { Answer } from './replies.ts';

/** Milliseconds after which a repeat makes sense where nothing better is known. */
export const DENIAL_RETRY_MS = 1000;

export const DENIAL_MESSAGES: Readonly<Record<DenialReason, string>> = {
  pool_full: 'Every account that serves this model is at its concurrency limit.',
  no_account_for_model: 'No enabled account serves this model.',
  cancelled: 'The request was cancelled before it arrived.',
  recovering: 'The scheduler is registering running requests after a loss of data.',
  queue_full: 'Too many requests are waiting already.',
  queue_timeout: 'No slot became free, or is expected to, within the time that it may wait.',
  tenant_concurrency: 'This tenant holds as many slots as it may.',
  tenant_rate: 'This tenant has used up its requests or tokens of the minute.',
  account_rate: 'Every account that serves this model has used up its rates.',
  lane_busy: 'Another request of this session is running, and this one may not wait for it.',
  budget_stop: 'The budget does not hold what this request may cost.',
  breaker_open: 'Every account that serves this model has failed of late, and rests.',
};

function denialCode(reason: DenialReason): AppError['code'] {
  return reason === 'cancelled' ? 'client_closed' : reason;
}

export function mistakeOf(answer: Answer): AppError {
  switch (answer.detail) {
    case CODES.MISTAKE.invalid_id:
      return invalidId();
    case CODES.MISTAKE.duplicate_request:
      return new AppError(
        'duplicate_request',
        'This request id was used before, by another caller, for something else, or has ended.',
        { param: 'requestId' },
      );
    case CODES.MISTAKE.out_of_memory:
      return new AppError(
        'store_unavailable',
        'The store is out of memory: nothing can be granted.',
        { retryAfterMs: DENIAL_RETRY_MS },
      );
    default:
      return new AppError('internal', `The heart refused an operation (${answer.detail}).`);
  }
}

/** Of a waiter that was granted a slot and could not be told so while it had it. */
export function missed(): AppError {
  return new AppError('lease_lost', 'Its slot ended before the request could be told of it.', {
    retryAfterMs: DENIAL_RETRY_MS,
  });
}

function invalidId(): AppError {
  return new AppError(
    'invalid_id',
    'A request id has 1 to 128 printable ASCII characters and no spaces.',
    { param: 'requestId' },
  );
}

/** "tenant/id", the name of a request in its cell. */
export function keyOf({ tenant = DEFAULT_TENANT, requestId }: Omit<LeaseRef, 'fence'>): string {
  if (!isRequestId(requestId)) throw invalidId();
  return `${checkedTenant(tenant)}/${requestId}`;
}

/** Throws `invalid_params` for a name that no tenant can have. */
export function checkedTenant(tenant: string): string {
  if (tenant === DEFAULT_TENANT || NAME_PATTERN.test(tenant)) return tenant;
  throw new AppError('invalid_params', 'A tenant has 1 to 64 letters, digits, ".", "_" or "-".', {
    param: 'tenant',
  });
}

export function gaveUp(): AppError {
  return new AppError('client_closed', 'The caller gave up before a slot was granted.');
}

export function shuttingDown(): AppError {
  return new AppError('shutting_down', 'The daemon is shutting down.', {
    retryAfterMs: DENIAL_RETRY_MS,
  });
}

/** A refusal as the exception that `acquire` throws. */
export function denialError({ reason, retryAfterMs }: Denial): AppError {
  const details = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new AppError(denialCode(reason), DENIAL_MESSAGES[reason], details);
}

/** Perhaps executed, perhaps not. */
export function unavailable(message: string, cause?: unknown): AppError {
  return new AppError('store_unavailable', message, { retryAfterMs: DENIAL_RETRY_MS, cause });
}
