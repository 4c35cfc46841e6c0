// The breaker of the estimator `v2` over HTTP, behind the admin's token: what it does and why, how far
// estimates are off, and an operator's hand on it.
import express, { Router } from 'express';
import { z } from 'zod';
import type { Config } from '../../config/schema.ts';
import { ESTIMATORS } from '../../core/estimates.ts';
import { CAUSES, type Change } from '../../costsim/events.ts';
import { AGAINST } from '../../costsim/observation.ts';
import type { CostControl } from '../../costsim/service.ts';
import { requireAdminToken } from '../admin-auth.ts';
import { refuseMethod, requireJson } from './json-body.ts';
import { parse } from './validation.ts';

const MAX_BODY_BYTES = 64 * 1024;
const KINDS = [
  ...(['tripped', 'disabled', 'recovered', 'enabled'] as const),
  ...(['warned', 'incident', 'unreadable'] as const),
] satisfies readonly Change['kind'][];

const ms = z.number().meta({ description: 'Cell time in ms.' });
/** One line each: they are shown in logs and tables. */
const words = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .regex(/^\P{Cc}*$/u, 'one line');

export const costsimSchemas = {
  query: z.strictObject({
    history: z.coerce.number().int().min(0).max(1000).default(20).meta({
      description: 'Changes and incidents to tell of, at most.',
    }),
  }),
  change: z
    .strictObject({
      action: z.enum(['enable', 'disable']).meta({
        description: '`disable`: v1 reserves on every daemon until somebody enables v2 again.',
      }),
      reason: words(500).meta({ description: 'Goes into the log of incidents.' }),
      by: words(100).default('admin').meta({ description: 'Who asks for it.' }),
    })
    .meta({ id: 'CostsimChange' }),
} as const;

const changeSchema = z.strictObject({
  kind: z.enum(KINDS),
  atMs: ms,
  number: z.number().optional(),
  cause: z.enum(CAUSES).optional(),
  by: z.string().optional(),
  why: z.string().optional(),
  p95: z.number().optional(),
  samples: z.number().optional(),
  bound: z.number().optional(),
  failures: z.number().optional(),
  recoverAtMs: z.number().optional(),
});

export const costsimSchema = z
  .strictObject({
    breaker: z.strictObject({
      nowMs: ms,
      state: z.enum(['closed', 'open']).meta({ description: '`open`: v1 reserves everywhere.' }),
      number: z.number().meta({ description: 'Of the last change; 0 where there was none.' }),
      cause: z.enum(CAUSES).optional(),
      by: z.string(),
      why: z.string(),
      sinceMs: ms,
      recoverAtMs: ms.optional(),
      consecutiveFailures: z.number().meta({ description: 'Incidents in a row.' }),
      trips: z.number(),
      p95: z.number(),
      samples: z.number(),
      warned: z.boolean(),
    }),
    drift: z.array(
      z.strictObject({
        estimator: z.enum(ESTIMATORS),
        against: z.enum(AGAINST),
        model: z.string().optional().meta({ description: 'Absent: over all models.' }),
        samples: z.number(),
        p50: z.number(),
        p95: z.number(),
      }),
    ),
    records: z.number().meta({ description: 'Provenance records that the store holds.' }),
    history: z.array(changeSchema),
  })
  .meta({ id: 'Costsim' });

export type CostsimBody = z.infer<typeof costsimSchema>;

export interface CostsimRouterDeps {
  readonly config: Pick<Config, 'admin'>;
  readonly costControl: Pick<CostControl, 'breaker' | 'report' | 'log'>;
}

/** Routes below /costsim. */
export function createCostsimRouter(deps: CostsimRouterDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use(requireAdminToken({ token: () => deps.config.admin.token }));
  router.use(requireJson, express.json({ limit: MAX_BODY_BYTES, inflate: false }));
  addCostsimRoutes(router, deps);
  return router;
}

/** GET and POST /costsim/breaker. */
export function addCostsimRoutes(router: Router, deps: CostsimRouterDeps): void {
  router
    .route('/breaker')
    .get(async (req, res) => {
      const { history } = parse(costsimSchemas.query, { ...req.query }, 'query');
      res.json(await bodyOf(deps, history));
    })
    .post(async (req, res) => {
      const { action, reason, by } = parse(costsimSchemas.change, req.body, 'body');
      await deps.costControl.breaker[action]({ by, why: reason });
      res.json(await bodyOf(deps, 1));
    })
    .all(refuseMethod(['GET', 'POST']));
}

async function bodyOf({ costControl }: CostsimRouterDeps, history: number): Promise<object> {
  const report = await costControl.report();
  return { ...report, history: history === 0 ? [] : await costControl.log(history) };
}
