// Failover over HTTP: the account of a slot is given back with its outcome, and another one serves the
// same request. Its place in the queue is its caller's, who may leave and ask again.
import type { RequestHandler } from 'express';
import type { Config } from '../../config/schema.ts';
import { AppError } from '../../core/errors.ts';
import { principalOf } from '../../gateway/principal.ts';
import type { SwitchedScheduler } from '../../rollout/switched-scheduler.ts';
import { denialError } from '../../scheduler/refusals.ts';
import { targetResolver } from './scheduler-targets.ts';
import type { MovedBody, SchedulerSchemas } from './scheduler-use-schemas.ts';
import { parse } from './validation.ts';

export interface MoveDeps {
  readonly scheduler: Pick<SwitchedScheduler, 'move'>;
  readonly config: Pick<Config, 'scheduler' | 'accounts' | 'routes'>;
}

export function moveSlot(
  { scheduler, config }: MoveDeps,
  schemas: SchedulerSchemas,
): RequestHandler {
  const resolve = targetResolver(config);
  return async (req, res) => {
    const { tenant } = principalOf(req);
    const { requestId } = parse(schemas.path, req.params, 'path');
    const { route, targets, ...body } = parse(schemas.move, req.body, 'body');
    const { fence, leaseToken, leaseMs = config.scheduler.leaseMs, ...told } = body;
    const ref = { tenant: tenant.name, requestId, fence, leaseMs };
    const report = {
      ...told,
      priority: told.priority ?? tenant.terms.priority,
      targets: resolve({ route, targets }, tenant),
    };

    const result = await scheduler.move(
      leaseToken === undefined ? ref : { ...ref, token: leaseToken },
      report,
    );
    if (result.kind === 'denied') throw denialError(result);
    if (result.kind === 'lost') {
      throw new AppError(
        'lease_not_found',
        'The lease is not held (any more) with this fence: there is nothing to move.',
      );
    }

    const { account, target, fence: next, expiresAtMs, token } = result;
    const life = { expiresAtMs, leaseMs, ...(token !== undefined && { leaseToken: token }) };
    const moved: MovedBody = { requestId, account, ...target, fence: next, ...life };
    res.status(200).json(moved);
  };
}
