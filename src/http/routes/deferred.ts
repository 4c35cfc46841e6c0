// /v1/deferred: what becomes of a tenant's own deferred requests, and taking them back. Those of others
// are not there for it. What is kept of a job is deferral/'s.
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { retryAfterSeconds } from '../../core/units.ts';
import type { JobOutcome } from '../../deferral/job.ts';
import type { JobView } from '../../deferral/record.ts';
import type { Deferral } from '../../deferral/service.ts';
import { principalOf } from '../../gateway/principal.ts';
import { requestIdOf } from '../../gateway/request-id.ts';
import { reportEnd, type PlainRequest } from '../observe.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

export const STATUSES = [
  'deferred',
  'running',
  'dead',
  'answered',
  'failed',
  'expired',
  'cancelled',
] as const;

export const jobPath = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'is not the id of a deferred request')
    .meta({ description: 'Of a deferred request.' }),
});

export const jobQuery = z.strictObject({
  stage: z.string().max(64).optional().meta({ description: 'Only of this stage.' }),
  status: z.enum(STATUSES).optional().meta({ description: 'Only those that stand so.' }),
  after: z.string().max(400).optional().meta({ description: 'The `next` of the page before.' }),
  limit: z.coerce.number().int().min(1).max(200).default(50).meta({
    description: 'At most so many; a page may have fewer and still a `next`.',
  }),
});

export interface DeferredRoutesDeps {
  readonly deferral: Pick<Deferral, 'find' | 'list' | 'cancel' | 'drop' | 'outcomeOf'>;
  readonly onFinished: (request: PlainRequest) => void;
}

/** To stand before the proxy at /v1; what is not its own goes on. */
export function createDeferredRouter(deps: DeferredRoutesDeps): RequestHandler {
  const router = Router({ caseSensitive: true, strict: true });
  addDeferredRoutes(router, deps);
  return (req, res, next) => {
    // A router would cost the hot path a layer.
    if (/^\/deferred(?:[/?]|$)/.test(req.url)) router(req, res, next);
    else next();
  };
}

/** GET /deferred, GET and DELETE /deferred/{id}, POST /deferred/{id}/cancel. */
export function addDeferredRoutes(router: Router, deps: DeferredRoutesDeps): void {
  const { deferral } = deps;
  const answer = (req: Request, res: Response, body: object): void => {
    reportEnd(req, res, deps.onFinished);
    res.setHeader('x-request-id', requestIdOf(req));
    res.json(body);
  };
  router
    .route('/deferred')
    .get(async (req, res) => {
      const query = parse(jobQuery, { ...req.query }, 'query');
      const tenant = principalOf(req).tenant.name;
      const { jobs, next = null } = await deferral.list({ ...query, tenant });
      answer(req, res, { object: 'list', data: jobs.map((job) => jobBody(job)), next });
    })
    .all(refuseMethod(['GET']));
  router
    .route('/deferred/:id')
    .get(async (req, res) => {
      const job = await ownJob(req, deferral);
      const outcome = await deferral.outcomeOf(job);
      if (outcome === undefined) {
        const waitMs = Math.max(1000, job.dueAtMs - Date.now());
        res.setHeader('retry-after', String(retryAfterSeconds(waitMs)));
      }
      answer(req, res, jobBody(job, outcome));
    })
    .delete(async (req, res) => {
      const { id } = await ownJob(req, deferral);
      await deferral.drop(id);
      answer(req, res, { object: 'deferred.deleted', id, deleted: true });
    })
    .all(refuseMethod(['GET', 'DELETE']));
  router
    .route('/deferred/:id/cancel')
    .post(async (req, res) => {
      const { id, tenant } = await ownJob(req, deferral);
      await deferral.cancel(id);
      const job = (await deferral.find(tenant, id)) ?? gone();
      answer(req, res, jobBody(job, await deferral.outcomeOf(job)));
    })
    .all(refuseMethod(['POST']));
}

async function ownJob(req: Request, deferral: Pick<Deferral, 'find'>): Promise<JobView> {
  const { id } = parse(jobPath, { ...req.params }, 'path');
  return (await deferral.find(principalOf(req).tenant.name, id)) ?? gone();
}

function gone(): never {
  throw new AppError('job_not_found', 'There is no such deferred request.');
}

const time = (ms: number): string => new Date(ms).toISOString();

/** As its caller sees it. */
export function jobBody(job: JobView, outcome?: JobOutcome) {
  return {
    object: 'deferred',
    id: job.id,
    status: job.status,
    stage: job.stage,
    slot: job.slot,
    reason: job.reason ?? null,
    deferrals: job.deferrals,
    submitted_at: time(job.submittedAtMs),
    due_at: time(job.dueAtMs),
    expires_at: time(job.expiresAtMs),
    ended_at: job.endedAtMs === undefined ? null : time(job.endedAtMs),
    status_url: `/v1/deferred/${job.id}`,
    ...(outcome?.kind === 'answered' && { response: responseOf(outcome.answer) }),
    ...(outcome !== undefined &&
      outcome.kind !== 'answered' && {
        error: { code: outcome.code, message: outcome.message },
      }),
  };
}

/** `body` is the upstream's JSON, or its text where that is none. */
function responseOf({
  status,
  headers,
  body,
}: Extract<JobOutcome, { readonly kind: 'answered' }>['answer']) {
  return { status, content_type: headers['content-type'] ?? null, body: jsonOr(body) };
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
