// The canary over HTTP, behind the admin's token: asking for a run, its state, and reports.
import express, { Router } from 'express';
import { z } from 'zod';
import type { Config } from '../../config/schema.ts';
import { AppError } from '../../core/errors.ts';
import { RUN_REASONS, VERDICTS, type CanaryReport } from '../../costsim/canary-report.ts';
import type { CanaryStore } from '../../costsim/canary-store.ts';
import { requireAdminToken } from '../admin-auth.ts';
import { refuseMethod, requireJson } from './json-body.ts';
import { parse } from './validation.ts';

const MAX_BODY_BYTES = 64 * 1024;

const ms = z.number().meta({ description: 'Cell time in ms.' });
const id = z.string().regex(/^\d{1,16}$/, 'is not a run’s name');
const quantiles = z.strictObject({ p50: z.number(), p95: z.number() });

export const canaryReportSchema = z
  .strictObject({
    id,
    reason: z.enum(RUN_REASONS),
    by: z.string(),
    leader: z.strictObject({ holder: z.string(), term: z.number() }),
    startedAtMs: ms,
    tookMs: z.number(),
    verdict: z.enum(VERDICTS).meta({
      description: '`inconclusive`: too few records to judge by; it changes nothing.',
    }),
    findings: z.array(z.string()).meta({ description: 'Why it is not passed.' }),
    sample: z.strictObject({
      seen: z.number(),
      unreadable: z.number(),
      withoutActual: z.number(),
      unreplayable: z.number(),
      compared: z.number(),
    }),
    drift: z.strictObject({ v1: quantiles, v2: quantiles }).optional(),
    models: z.array(
      z.strictObject({ model: z.string(), compared: z.number(), v1: quantiles, v2: quantiles }),
    ),
    worst: z.array(
      z.strictObject({
        id: z.string(),
        route: z.string(),
        model: z.string(),
        v1: z.number(),
        v2: z.number(),
      }),
    ),
    bounds: z.strictObject({
      lookbackMs: z.number(),
      minSample: z.number(),
      maxP95Drift: z.number(),
      maxRatioToV1: z.number(),
      ignoredDrift: z.number(),
    }),
  })
  .meta({ id: 'CanaryReport' });

export const canarySchemas = {
  path: z.strictObject({ id }),
  query: z.strictObject({
    most: z.coerce.number().int().min(1).max(1000).default(20).meta({
      description: 'Reports to tell of, at most; the latest first.',
    }),
  }),
  ask: z
    .strictObject({
      by: z
        .string()
        .trim()
        .min(1)
        .max(100)
        .regex(/^\P{Cc}*$/u, 'one line')
        .default('admin')
        .meta({ description: 'Who asks for it.' }),
    })
    .meta({ id: 'CanaryRunRequest' }),
  run: z
    .strictObject({
      run: id,
      state: z.enum(['asked', 'running', 'reported']).meta({
        description: '`asked`: waits for the leader; `reported`: its report is there.',
      }),
    })
    .meta({ id: 'CanaryRun' }),
  reports: z.strictObject({ reports: z.array(canaryReportSchema) }).meta({ id: 'CanaryReports' }),
} as const;

export type CanaryRunBody = z.infer<typeof canarySchemas.run>;
export interface CanaryReportsBody {
  readonly reports: readonly CanaryReport[];
}

export interface CanaryRouterDeps {
  readonly config: Pick<Config, 'admin'>;
  readonly canary: Pick<CanaryStore, 'ask' | 'state' | 'reports' | 'report'>;
}

/** Routes below /costsim/canary. */
export function createCanaryRouter(deps: CanaryRouterDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use(requireAdminToken({ token: () => deps.config.admin.token }));
  router.use(requireJson, express.json({ limit: MAX_BODY_BYTES, inflate: false }));
  addCanaryRoutes(router, deps);
  return router;
}

export function addCanaryRoutes(router: Router, deps: Pick<CanaryRouterDeps, 'canary'>): void {
  addRunRoutes(router, deps);
  addReportRoutes(router, deps);
}

/** POST /runs, GET /runs/{id}. */
function addRunRoutes(router: Router, { canary }: Pick<CanaryRouterDeps, 'canary'>): void {
  router
    .route('/runs')
    .post(async (req, res) => {
      const { by } = parse(canarySchemas.ask, req.body ?? {}, 'body');
      res.status(202).json(await answered(() => canary.ask(by)));
    })
    .all(refuseMethod(['POST']));
  router
    .route('/runs/:id')
    .get(async (req, res) => {
      const { id: run } = parse(canarySchemas.path, req.params, 'path');
      res.json({ run, state: await answered(() => stateOf(canary, run)) });
    })
    .all(refuseMethod(['GET']));
}

/** GET /reports, GET /reports/{id}. */
function addReportRoutes(router: Router, { canary }: Pick<CanaryRouterDeps, 'canary'>): void {
  router
    .route('/reports')
    .get(async (req, res) => {
      const { most } = parse(canarySchemas.query, { ...req.query }, 'query');
      res.json({ reports: await answered(() => canary.reports(most)) });
    })
    .all(refuseMethod(['GET']));
  router
    .route('/reports/:id')
    .get(async (req, res) => {
      const { id: run } = parse(canarySchemas.path, req.params, 'path');
      const report = await answered(() => canary.report(run));
      if (report === undefined) throw unknown('report');
      res.json(report);
    })
    .all(refuseMethod(['GET']));
}

async function stateOf(
  canary: CanaryRouterDeps['canary'],
  run: string,
): Promise<CanaryRunBody['state']> {
  // In this order: a run that ends in between is found as its report.
  const { running, asked } = await canary.state();
  if (running === run) return 'running';
  if ((await canary.report(run)) !== undefined) return 'reported';
  if (asked === run) return 'asked';
  throw unknown('run');
}

function unknown(what: string): AppError {
  return new AppError('path_not_found', `There is no such ${what}, or not any more.`, {
    param: 'id',
  });
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const message = 'The store of the canary does not answer; try again.';
    throw new AppError('store_unavailable', message, { retryAfterMs: 1000, cause });
  }
}
