// What the admin API tells of deferred work of all tenants, and how an operator has it run, cancelled or
// dropped. Requests and answers are not shown: they are their tenants'.
import type { Router } from 'express';
import { z } from 'zod';
import type { Config } from '../../config/schema.ts';
import { AppError } from '../../core/errors.ts';
import { drainRefusal } from '../../deferral/drain.ts';
import type { JobView } from '../../deferral/record.ts';
import type { Deferral } from '../../deferral/service.ts';
import { jobPath, jobQuery, STATUSES } from './deferred.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

const ms = z.number().meta({ description: 'Ms since 1970.' });
const count = z.number().int();

const job = z
  .strictObject({
    id: z.string(),
    status: z.enum(STATUSES),
    stage: z.string(),
    tenant: z.string(),
    slot: z.string(),
    reason: z.string().optional(),
    submittedAtMs: ms,
    dueAtMs: ms,
    expiresAtMs: ms,
    endedAtMs: ms.optional(),
    deferrals: count.meta({ description: 'How often it went back to wait for its upstream.' }),
    failures: count.meta({ description: 'Failures of ours, daemons that died included.' }),
    batch: z.strictObject({ id: z.string(), line: z.string() }).optional(),
  })
  .meta({ id: 'DeferredJob' });

const MOST_DRAINED = 10_000;

export const deferredSchemas = {
  path: jobPath,
  query: jobQuery.extend({
    tenant: z.string().max(64).optional().meta({ description: 'Only of this tenant.' }),
  }),
  job,
  list: z.strictObject({
    jobs: z.array(job),
    next: z.string().optional(),
    stages: z.array(
      z.strictObject({
        stage: z.string(),
        waiting: count.meta({ description: 'Not due yet.' }),
        ready: count.meta({ description: 'Due, and waiting for their turn.' }),
        firstDueAtMs: ms.optional(),
      }),
    ),
    running: count,
    dead: count,
    ended: count.meta({ description: 'Kept until their retention is over.' }),
  }),
  done: z.strictObject({ id: z.string(), result: z.enum(['queued', 'cancelled', 'dropped']) }),
  drain: z.strictObject({
    stage: z.string().min(1).max(64),
    count: z.number().int().min(1).max(MOST_DRAINED).default(MOST_DRAINED).meta({
      description: 'At most so many jobs, those first that are due first.',
    }),
  }),
  drained: z.strictObject({
    drain: count.meta({ description: 'Its number.' }),
    total: count,
  }),
  drainPath: z.strictObject({
    number: z.coerce.number().int().min(1).meta({ description: 'Of a drain.' }),
  }),
  progress: z.strictObject({
    total: count,
    answered: count,
    failed: count,
    expired: count,
    cancelled: count,
    deferred: count.meta({ description: 'Waiting again.' }),
    dead: count,
  }),
} as const;

export type DeferredList = z.infer<typeof deferredSchemas.list>;
export type DeferredJobRow = z.infer<typeof job>;
export type DrainedAnswer = z.infer<typeof deferredSchemas.drained>;
export type ProgressAnswer = z.infer<typeof deferredSchemas.progress>;

export interface AdminDeferredDeps {
  /** Undefined where deferral is off. */
  readonly deferral:
    | Pick<
        Deferral,
        'find' | 'list' | 'depths' | 'cancel' | 'drop' | 'retry' | 'drain' | 'progress'
      >
    | undefined;
  readonly config: Pick<Config, 'deferral' | 'routes'>;
}

/** GET /deferred, GET and DELETE /deferred/{id}, POST …/retry and …/cancel, POST and GET of drains. */
export function addAdminDeferredRoutes(router: Router, deps: AdminDeferredDeps): void {
  addDrainRoutes(router, deps);
  router
    .route('/deferred')
    .get(async (req, res) => {
      const query = parse(deferredSchemas.query, { ...req.query }, 'query');
      const deferral = known(deps.deferral);
      const [page, depths] = await Promise.all([deferral.list(query), deferral.depths()]);
      const { stages, running, dead, ended } = depths;
      const { next } = page;
      res.json({ jobs: page.jobs.map(rowOf), next, stages, running, dead, ended });
    })
    .all(refuseMethod(['GET']));
  router
    .route('/deferred/:id')
    .get(async (req, res) => {
      const { id } = parse(jobPath, { ...req.params }, 'path');
      res.json(rowOf((await known(deps.deferral).find(undefined, id)) ?? gone()));
    })
    .delete(async (req, res) => {
      const { id } = parse(jobPath, { ...req.params }, 'path');
      if (!(await known(deps.deferral).drop(id))) gone();
      res.json({ id, result: 'dropped' });
    })
    .all(refuseMethod(['GET', 'DELETE']));
  for (const verb of ['retry', 'cancel'] as const) {
    router
      .route(`/deferred/:id/${verb}`)
      .post(async (req, res) => {
        const { id } = parse(jobPath, { ...req.params }, 'path');
        const deferral = known(deps.deferral);
        if (!(await deferral[verb](id))) await refuse(deferral, id, verb);
        res.json({ id, result: verb === 'retry' ? 'queued' : 'cancelled' });
      })
      .all(refuseMethod(['POST']));
  }
}

function addDrainRoutes(router: Router, { deferral, config }: AdminDeferredDeps): void {
  router
    .route('/deferred/drains')
    .post(async (req, res) => {
      const { stage, count: most } = parse(deferredSchemas.drain, req.body ?? {}, 'body');
      const refusal = drainRefusal(stage, config);
      if (refusal !== undefined) throw new AppError('invalid_request', refusal, { param: 'stage' });
      const drain = await known(deferral).drain(stage, most);
      res.json({ drain: drain.number, total: drain.count });
    })
    .all(refuseMethod(['POST']));
  router
    .route('/deferred/drains/:number')
    .get(async (req, res) => {
      const { number } = parse(deferredSchemas.drainPath, { ...req.params }, 'path');
      const progress = await known(deferral).progress(number);
      if (progress === undefined) throw new AppError('job_not_found', 'No such drain is known.');
      res.json(progress);
    })
    .all(refuseMethod(['GET']));
}

async function refuse(
  deferral: Pick<Deferral, 'find'>,
  id: string,
  verb: 'retry' | 'cancel',
): Promise<never> {
  const { status } = (await deferral.find(undefined, id)) ?? gone();
  const words = verb === 'retry' ? 'only what waits is tried again' : 'it has ended';
  throw new AppError('job_not_waiting', `The job is ${status}: ${words}.`);
}

function known<T>(deferral: T | undefined): T {
  if (deferral !== undefined) return deferral;
  throw new AppError('deferral_disabled', 'Deferral is off: set deferral.enabled.');
}

function gone(): never {
  throw new AppError('job_not_found', 'There is no such deferred request.');
}

function rowOf(view: JobView): DeferredJobRow {
  const { id, status, stage, tenant, slot, reason, batch, endedAtMs } = view;
  const { submittedAtMs, dueAtMs, expiresAtMs, deferrals, failures } = view;
  return {
    ...{ id, status, stage, tenant, slot, submittedAtMs, dueAtMs, expiresAtMs },
    ...{ deferrals, failures },
    ...(reason !== undefined && { reason }),
    ...(endedAtMs !== undefined && { endedAtMs }),
    ...(batch !== undefined && { batch }),
  };
}
