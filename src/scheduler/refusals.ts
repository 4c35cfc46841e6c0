// What a caller is told when the heart says no: messages and codes, and the checks of ids.
import type { DenialReason, Target } from '../core/domain.ts';
import { DEFAULT_TENANT, NAME_PATTERN, isRequestId } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { CODES } from '../redis/codes.ts';
import type { LeaseRef } from './types.ts';
import { demandOf } from './wire.ts';
import type { Answer } from './wire.ts';

/** Milliseconds after which a repeat makes sense where nothing better is known. */
export const DENIAL_RETRY_MS = 1000;

export const DENIAL_MESSAGES: Readonly<Record<DenialReason, string>> = {
  pool_full: 'Every account that serves this model is at its concurrency limit.',
  no_account_for_model: 'No enabled account serves this model.',
  cancelled: 'The request was cancelled before it arrived.',
  recovering: 'The scheduler is registering running requests after a loss of data.',
};

export function denialCode(reason: DenialReason): AppError['code'] {
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
        {
          retryAfterMs: DENIAL_RETRY_MS,
        },
      );
    default:
      return new AppError('internal', `The heart refused an operation (${answer.detail}).`);
  }
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
  if (!NAME_PATTERN.test(tenant)) {
    throw new AppError('invalid_params', 'A tenant has 1 to 64 letters, digits, ".", "_" or "-".', {
      param: 'tenant',
    });
  }
  return `${tenant}/${requestId}`;
}

const MAX_TARGETS = 16;
const DEMAND_PATTERN = /^[\x21-\x7e]+(?:\t[\x21-\x7e]+)+$/;

/** Lists of targets that were checked: they come from routes, so the same few come again. */
const checked = new WeakMap<readonly Target[], string>();

/** The targets as the heart reads them. */
export function checkedDemand(targets: readonly Target[]): string {
  const known = checked.get(targets);
  if (known !== undefined) return known;
  const demand = demandOf(targets);
  const isPaired = demand.split('\t').length === 2 * targets.length;
  if (targets.length <= MAX_TARGETS && isPaired && DEMAND_PATTERN.test(demand)) {
    checked.set(targets, demand);
    return demand;
  }
  throw new AppError(
    'invalid_params',
    `There are 1 to ${MAX_TARGETS} targets; pools and models are printable ASCII without spaces.`,
    { param: 'targets' },
  );
}

export function gaveUp(): AppError {
  return new AppError('client_closed', 'The caller gave up before a slot was granted.');
}
