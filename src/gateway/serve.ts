// One request, told as a story: read it, resolve its route, take a slot, try the upstream, let the
// answer through, and give the slot back in one `finally`, whatever happened.
import type { AccountConfig, RouteConfig } from '../config/schema.ts';
import type { Outcome } from '../core/domain.ts';
import { AppError, asAppError } from '../core/errors.ts';
import type { Lease } from '../scheduler/lease.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { UpstreamClient } from '../upstream/client.ts';
import { readAsked } from './asked.ts';
import { attempt } from './attempt.ts';
import { readBody } from './body.ts';
import type { GatewayEmitter } from './events.ts';
import type { Exchange } from './exchange.ts';

export interface ServeContext {
  readonly scheduler: Pick<Scheduler, 'acquire'>;
  readonly upstream: UpstreamClient;
  /** By name. */
  readonly accounts: ReadonlyMap<string, AccountConfig>;
  /** By alias. */
  readonly routes: ReadonlyMap<string, RouteConfig>;
  readonly maxBodyBytes: number;
  readonly writeIdleTimeoutMs: number;
  readonly events: GatewayEmitter;
}

/**
 * Resolves when the upstream's answer has gone through, whatever its status. Rejects with an
 * AppError when it is to be refused or was broken off; the answer may then have begun. In both
 * cases the slot is on its way back.
 */
export async function serve(exchange: Exchange, context: ServeContext): Promise<void> {
  const { upstream, writeIdleTimeoutMs } = context;
  const { req, endpoint } = exchange;
  const body = await readBody(exchange, context.maxBodyBytes);
  exchange.receivedAtMs = performance.now();
  const asked = readAsked(body, req.headers['content-type'] ?? '', endpoint);
  const route = routeOf(asked.model, context.routes);
  exchange.route = route.alias;

  const lease = await acquireSlot(exchange, route, context);
  let outcome: Outcome = 'ignored';
  try {
    exchange.throwIfBroken();
    const account = accountOf(lease, context.accounts);
    const { model } = lease.target;
    const options = { upstream, account, asked, model, writeIdleTimeoutMs };
    const end = await attempt(exchange, options);
    outcome = end.outcome;
    if (end.kind === 'failed') throw end.error;
  } finally {
    giveBack(exchange, { lease, outcome, events: context.events });
  }
}

function routeOf(model: string, routes: ServeContext['routes']): RouteConfig {
  const route = routes.get(model);
  if (route !== undefined) return route;
  throw new AppError('model_not_found', 'No such model is configured; GET /v1/models lists them.', {
    param: 'model',
  });
}

/**
 * The slot's id is made by the scheduler, always: a client that repeats its x-request-id runs as
 * many requests as it sends. An acquire is answered within the store's timeout, so a client that
 * leaves meanwhile is noticed afterwards; a signal per request would cost more than this file.
 */
async function acquireSlot(
  exchange: Exchange,
  route: RouteConfig,
  { scheduler }: ServeContext,
): Promise<Lease> {
  const askedAtMs = performance.now();
  const lease = await scheduler.acquire({ targets: route.targets });
  exchange.slotId = lease.requestId;
  exchange.queueMs = performance.now() - askedAtMs;
  exchange.pool = lease.target.pool;
  exchange.account = lease.account;
  return lease;
}

function accountOf(lease: Lease, accounts: ServeContext['accounts']): AccountConfig {
  const account = accounts.get(lease.account);
  if (account !== undefined) return account;
  // Another daemon of the cell has registered accounts that this one's configuration lacks.
  throw new AppError('no_account_for_model', 'The configuration is being changed; try again.');
}

/** Not waited for: the client's answer never depends on the store's. */
function giveBack(
  exchange: Exchange,
  { lease, outcome, events }: { lease: Lease; outcome: Outcome; events: GatewayEmitter },
): void {
  exchange.outcome = outcome;
  lease.release({ outcome }).catch((error: unknown) => {
    const { requestId } = exchange;
    events.emit('releaseFailed', { requestId, account: lease.account, error: asAppError(error) });
  });
}
