// The Scheduler API: slots over HTTP for proxies in any language that forward by themselves. It
// translates between the wire and the scheduler's verbs; it decides nothing and keeps nothing, so
// any daemon can renew or release what another one granted.
import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import { nanoid } from 'nanoid';
import type { Config } from '../../config/schema.ts';
import { AppError } from '../../core/errors.ts';
import { principalOf } from '../../gateway/principal.ts';
import type { SwitchedRequest, SwitchedScheduler } from '../../rollout/switched-scheduler.ts';
import type { Lease } from '../../scheduler/lease.ts';
import { DENIAL_MESSAGES, denialError } from '../../scheduler/refusals.ts';
import type { Denial } from '../../scheduler/types.ts';
import { refuseMethod, requireJson } from './json-body.ts';
import { moveSlot } from './scheduler-moves.ts';
import type { LaneHoldBody, SlotBody } from './scheduler-schemas.ts';
import { targetResolver } from './scheduler-targets.ts';
import { schedulerSchemas, type SchedulerSchemas } from './scheduler-use-schemas.ts';
import { parse } from './validation.ts';

const MAX_BODY_BYTES = 64 * 1024;

export interface SchedulerRouterDeps {
  readonly scheduler: Pick<
    SwitchedScheduler,
    'tryAcquire' | 'renew' | 'move' | 'release' | 'cancel'
  >;
  readonly config: Pick<Config, 'scheduler' | 'accounts' | 'routes'>;
}

/** Routes below /scheduler; `refuseMethod` and authentication are the application's. */
export function createSchedulerRouter(deps: SchedulerRouterDeps): Router {
  const schemas = schedulerSchemas(deps.config.scheduler);
  const router = Router({ caseSensitive: true, strict: true });
  const json = [requireJson, express.json({ limit: MAX_BODY_BYTES, inflate: false })];

  router
    .route('/slots')
    .post(json, acquireSlot(deps, schemas))
    .all(refuseMethod(['POST']));
  router
    .route('/slots/:requestId')
    .delete(json, releaseSlot(deps, schemas))
    .all(refuseMethod(['DELETE']));
  router
    .route('/slots/:requestId/renew')
    .post(json, renewSlot(deps, schemas))
    .all(refuseMethod(['POST']));
  router
    .route('/slots/:requestId/move')
    .post(json, moveSlot(deps, schemas))
    .all(refuseMethod(['POST']));
  router
    .route('/lanes')
    .post(json, acquireLane(deps, schemas))
    .all(refuseMethod(['POST']));
  router
    .route('/lanes/:requestId')
    .delete(json, releaseSlot(deps, schemas))
    .all(refuseMethod(['DELETE']));
  router
    .route('/lanes/:requestId/renew')
    .post(json, renewSlot(deps, schemas))
    .all(refuseMethod(['POST']));
  return router;
}

function acquireSlot(deps: SchedulerRouterDeps, schemas: SchedulerSchemas): RequestHandler {
  const resolve = targetResolver(deps.config);
  return async (req, res) => {
    const { tenant } = principalOf(req);
    const body = parse(schemas.acquire, req.body, 'body');
    const leaseMs = body.leaseMs ?? deps.config.scheduler.leaseMs;
    const requestId = body.requestId ?? nanoid();
    const request = {
      targets: resolve(body, tenant),
      requestId,
      stableKey: requestId,
      tenant: tenant.name,
      priority: body.priority ?? tenant.terms.priority,
      waitMs: body.waitMs,
      tokens: body.tokens,
      reserveMicro: body.reserveMicro,
      // The tenant, not this daemon nor one of its keys: a repeat may reach another daemon.
      holder: tenant.name,
      leaseMs,
      renewal: 'by-holder',
      ...(body.session !== undefined && { session: body.session, lane: body.lane }),
    } as const;
    const lease = await take(deps, res, { request, isOwnId: body.requestId !== undefined });
    res.status(lease.replayed ? 200 : 201).json(slotBody(lease, leaseMs));
  };
}

/** A session's lane alone: its leases are renewed and given back as a slot's. */
function acquireLane(deps: SchedulerRouterDeps, schemas: SchedulerSchemas): RequestHandler {
  return async (req, res) => {
    const { tenant } = principalOf(req);
    const body = parse(schemas.lane, req.body, 'body');
    const leaseMs = body.leaseMs ?? deps.config.scheduler.leaseMs;
    const requestId = body.requestId ?? nanoid();
    const request = {
      targets: [],
      requestId,
      stableKey: requestId,
      tenant: tenant.name,
      session: body.session,
      lane: true,
      waitMs: body.waitMs,
      holder: tenant.name,
      leaseMs,
      renewal: 'by-holder',
    } as const;
    const lease = await take(deps, res, { request, isOwnId: body.requestId !== undefined });
    res.status(lease.replayed ? 200 : 201).json(laneBody(lease, leaseMs));
  };
}

/**
 * An id that we made is known to nobody else: if its caller leaves, nobody can use what it gets.
 * With an id of its own the caller can ask again, so its leaving decides nothing.
 */
async function take(
  { scheduler }: SchedulerRouterDeps,
  res: Response,
  { request, isOwnId }: { readonly request: SwitchedRequest; readonly isOwnId: boolean },
): Promise<Lease> {
  const signal = isOwnId ? undefined : abortedByClose(res);
  const result = await scheduler.tryAcquire(signal ? { ...request, signal } : request);
  if (result.kind === 'denied') throw refusalOf(result);
  if (signal !== undefined) giveBackOnAbort(result.lease, signal);
  return result.lease;
}

function renewSlot(deps: SchedulerRouterDeps, schemas: SchedulerSchemas): RequestHandler {
  return async (req, res) => {
    const tenant = principalOf(req).tenant.name;
    const { requestId } = parse(schemas.path, req.params, 'path');
    const { fence, leaseMs, leaseToken: token } = parse(schemas.renew, req.body, 'body');
    const ref = { tenant, requestId, fence };

    const result = await deps.scheduler.renew(
      token === undefined ? ref : { ...ref, token },
      leaseMs,
    );
    if (result.kind === 'lost') {
      throw new AppError(
        'lease_not_found',
        'The lease is not held (any more) with this fence. Stop the work that it covered.',
      );
    }

    res.status(200).json({ expiresAtMs: result.expiresAtMs, leaseToken: result.token });
  };
}

function releaseSlot(deps: SchedulerRouterDeps, schemas: SchedulerSchemas): RequestHandler {
  return async (req, res) => {
    const tenant = principalOf(req).tenant.name;
    const { requestId } = parse(schemas.path, req.params, 'path');
    const { fence, ...told } = releaseParameters(req, schemas);

    const result =
      fence === undefined
        ? await deps.scheduler.cancel({ tenant, requestId })
        : await deps.scheduler.release({ tenant, requestId, fence }, reportOf(told));

    res.status(200).json({ result });
  };
}

function reportOf(told: Omit<ReturnType<typeof releaseParameters>, 'fence'>) {
  const { outcome, costMicro, tokens, ...shown } = told;
  return {
    ...shown,
    ...(outcome !== undefined && { outcome }),
    ...(costMicro !== undefined && { costMicro }),
    ...(tokens !== undefined && { tokens }),
  };
}

/** Many HTTP clients cannot send a body with DELETE, so the query says the same. */
function releaseParameters(req: Request, schemas: SchedulerSchemas) {
  const query = parse(schemas.releaseQuery, { ...req.query }, 'query');
  if (req.body === undefined) return query;
  if (Object.keys(req.query).length > 0) {
    throw new AppError('invalid_params', 'Give fence and use in the query or the body.');
  }
  return parse(schemas.release, req.body, 'body');
}

function refusalOf(denial: Denial): AppError {
  // A cancelled id stays refused: asking again with it is the caller's mistake, not a full pool.
  return denial.reason === 'cancelled'
    ? new AppError('duplicate_request', `${DENIAL_MESSAGES.cancelled} Use a new id.`)
    : denialError(denial);
}

function slotBody(lease: Lease, leaseMs: number): SlotBody {
  const { requestId, account, target, fence, expiresAtMs, token, replayed } = lease;
  const life = { expiresAtMs, leaseMs, leaseToken: token };
  return { requestId, account, ...target, fence, ...life, replayed };
}

function laneBody(
  { requestId, fence, expiresAtMs, replayed, token: leaseToken }: Lease,
  leaseMs: number,
): LaneHoldBody {
  return { requestId, fence, expiresAtMs, leaseMs, leaseToken, replayed };
}

function abortedByClose(res: Response): AbortSignal {
  const left = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) left.abort();
  });
  return left.signal;
}

function giveBackOnAbort(lease: Lease, signal: AbortSignal): void {
  // A release that fails is retried and reported by the scheduler; the caller is gone already.
  const giveBack = (): unknown =>
    lease.release({ outcome: 'ignored', costMicro: 0, tokens: 0 }).catch(() => undefined);
  if (signal.aborted) giveBack();
  else signal.addEventListener('abort', giveBack, { once: true });
}
