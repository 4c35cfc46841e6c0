// From what a caller asks for to what the heart is asked: checked, named, and with the caller's claim
// on it. It sends nothing.
import { DEFAULT_TENANT, NAME_PATTERN } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { MAX_AMOUNT_MICRO } from '../core/money.ts';
import type { AcquireAsked } from './acquiring.ts';
import { Demands } from './demands.ts';
import { checkedTenant, keyOf } from './refusals.ts';
import { sessionDigest } from './session-key.ts';
import type { AcquireRequest } from './types.ts';
import { DEFAULT_PRIORITY, claimOf } from './wire.ts';
import type { SessionWish } from './wire.ts';

export const LOWEST_PRIORITY = 9;
export const MAX_WAIT_MS = 86_400_000;
const MAX_TOKENS = 2 ** 32 - 1;

export interface AskingOptions {
  /** The scheduler's own id: holder of what names none, and the beginning of ids made here. */
  readonly daemon: string;
  readonly leaseMs: number;
  readonly maxLeaseMs: number;
}

export class Asking {
  readonly #options: AskingOptions;
  readonly #demands = new Demands();
  /** Ids made so far. */
  #made = 0;

  constructor(options: AskingOptions) {
    this.#options = options;
  }

  /** Throws `invalid_params` or `invalid_id`. */
  asked(request: AcquireRequest): AcquireAsked {
    const { daemon } = this.#options;
    const { targets, tenant = DEFAULT_TENANT, holder = daemon, signal } = request;
    const { leaseMs = this.#options.leaseMs, renewal = 'automatic' } = request;
    const { waitMs = 0, priority = DEFAULT_PRIORITY, tokens = 0, reserveMicro = 0 } = request;
    const isFresh = request.requestId === undefined;
    const requestId = request.requestId ?? this.#freshId();
    const id = isFresh ? `${checkedTenant(tenant)}/${requestId}` : keyOf({ tenant, requestId });
    const session = sessionOf(request);
    const demand = session?.isLane && targets.length === 0 ? undefined : this.#demands.of(targets);
    const life = this.checkedLife(leaseMs);
    const claim =
      demand !== undefined && session === undefined
        ? demand.claim(holder, life)
        : claimOf(holder, `${demand?.text}\n${session?.digest}\n${session?.isLane}`, life);
    checkNumber('waitMs', waitMs, MAX_WAIT_MS);
    checkNumber('priority', priority, LOWEST_PRIORITY);
    checkNumber('tokens', tokens, MAX_TOKENS);
    checkNumber('reserveMicro', reserveMicro, MAX_AMOUNT_MICRO);
    // One literal: spreading one object into another costs microseconds.
    const { prefer } = request;
    return {
      kind: 'acquire',
      id,
      demand: prefer === undefined ? (demand?.text ?? '') : preferring(demand?.text ?? '', prefer),
      leaseMs,
      claim,
      isFresh,
      requestId,
      tenant,
      targets,
      isRenewed: renewal === 'automatic',
      signal,
      waitMs,
      priority,
      tokens,
      reserveMicro,
      session,
    };
  }

  checkedLife(leaseMs: number): number {
    const { maxLeaseMs } = this.#options;
    if (Number.isInteger(leaseMs) && leaseMs >= 1 && leaseMs <= maxLeaseMs) return leaseMs;
    throw invalid('leaseMs', 1, maxLeaseMs);
  }

  /** Unique over restarts by the scheduler's own id, and cheaper than randomness for each. */
  #freshId(): string {
    this.#made += 1;
    return this.#options.daemon + this.#made.toString(36);
  }
}

/** The claim does not tell it: a repeat may prefer another account. */
function preferring(demand: string, account: string): string {
  if (NAME_PATTERN.test(account)) return `${demand}\v${account}`;
  throw new AppError('invalid_params', 'prefer must be the name of an account.', {
    param: 'prefer',
  });
}

function sessionOf({ session, lane = false, targets }: AcquireRequest): SessionWish | undefined {
  if (session !== undefined) {
    return { digest: sessionDigest(session), isSticky: targets.length > 0, isLane: lane };
  }
  if (!lane) return undefined;
  throw new AppError('invalid_params', 'A lane is a session’s: name the session.', {
    param: 'session',
  });
}

/** Throws `invalid_params` for what is not a whole number from 0 to `most`. */
export function checkNumber(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) throw invalid(name, 0, most);
}

function invalid(name: string, least: number, most: number): AppError {
  return new AppError('invalid_params', `${name} must be an integer from ${least} to ${most}.`, {
    param: name,
  });
}
