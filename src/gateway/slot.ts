// Taking the slot of a request: who asks, how long it may wait, and what its client sees meanwhile.
// It tries no upstream and gives nothing back.
import { AppError } from '../core/errors.ts';
import type { Lease } from '../scheduler/lease.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { SwitchedScheduler } from '../rollout/switched-scheduler.ts';
import { denialError } from '../scheduler/refusals.ts';
import type { Charge } from './charge.ts';
import type { Exchange } from './exchange.ts';
import { principalOf } from './principal.ts';
import { WaitingClient } from './waiting-client.ts';

const MAX_WAIT_MS = 3_600_000;
export const LOWEST_PRIORITY = 9;

export interface SlotRules {
  readonly scheduler: Pick<SwitchedScheduler, 'tryAcquire'>;
  /** How long in ms a request may wait that does not say so itself. */
  readonly waitMs: number;
  /** Absent where nothing is rolled out. */
  readonly rollouts?: Pick<Rollouts, 'preferred'> | undefined;
  /** Interval in ms of comments to a client that waits for a stream; 0: none. */
  readonly waitKeepAliveMs: number;
}

/**
 * Waits where nothing is free, for as long as the request may. The slot's id is made by the
 * scheduler, or by who asks from inside: a client that repeats its x-request-id runs as many requests
 * as it sends. A client that leaves gives its place up. Throws what refuses the request.
 */
export async function takeSlot(
  exchange: Exchange,
  { targets, tokens, reserveMicro = 0 }: Charge,
  rules: SlotRules,
): Promise<Lease> {
  const { headers } = exchange.req;
  const { tenant } = principalOf(exchange.req);
  const waitMs = wholeNumber(headers, 'x-slotkeeper-wait-ms', MAX_WAIT_MS) ?? rules.waitMs;
  const priority =
    exchange.inner?.priority ??
    wholeNumber(headers, 'x-slotkeeper-priority', LOWEST_PRIORITY) ??
    tenant.terms.priority;
  const waiting = new WaitingClient(exchange, rules.waitKeepAliveMs);
  exchange.patienceMs = waitMs;
  exchange.throwIfBroken();
  exchange.worker = waiting;
  try {
    const { signal } = waiting;
    const asked = { tenant: tenant.name, targets, waitMs, priority, tokens, reserveMicro, signal };
    const { stableKey, arms, session, lane } = exchange;
    const prefer = arms && rules.rollouts?.preferred(arms, targets);
    const wish = { ...asked, stableKey, prefer };
    const request = session === undefined ? wish : { ...wish, session, lane };
    const result = await rules.scheduler.tryAcquire(named(request, exchange.inner?.leaseId));
    if (result.kind === 'granted') return noted(exchange, result.lease);
    exchange.limits = result.limits;
    throw denialError(result);
  } catch (error) {
    exchange.throwIfBroken();
    throw error;
  } finally {
    waiting.over();
    exchange.worker = undefined;
  }
}

function named<R extends object>(request: R, requestId: string | undefined): R {
  return requestId === undefined ? request : { ...request, requestId };
}

function noted(exchange: Exchange, lease: Lease): Lease {
  exchange.slotId = lease.requestId;
  exchange.queueMs = lease.queuedMs;
  exchange.pool = lease.target.pool;
  exchange.account = lease.account;
  exchange.limits = lease.limits;
  return lease;
}

function wholeNumber(
  headers: Exchange['req']['headers'],
  name: string,
  most: number,
): number | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  const number = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (number <= most) return number;
  throw new AppError('invalid_params', `${name} must be a whole number from 0 to ${most}.`, {
    param: name,
  });
}
