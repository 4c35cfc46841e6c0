// What the admin API tells of the cell: explanations, budgets and spend. It decides nothing.
import type { Router } from 'express';
import type { Config } from '../../config/schema.ts';
import { slotOf } from '../../config/slots.ts';
import { AppError } from '../../core/errors.ts';
import type { SpendRow } from '../../scheduler/budgets.ts';
import type { Insight } from '../../scheduler/insight.ts';
import { insightSchemas } from './admin-insight-schemas.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

export interface InsightRoutesDeps {
  readonly config: Pick<Config, 'routes' | 'budget' | 'sessions' | 'deferral'>;
  readonly insight: Insight;
}

/** GET /admin/explain, /admin/spend and /admin/budgets. */
export function addInsightRoutes(router: Router, { config, insight }: InsightRoutesDeps): void {
  const currency = (): string | null => config.budget?.currency ?? null;
  router
    .route('/explain')
    .get(async (req, res) => {
      const { route, tenant, tokens, reserveMicro, session } = parse(
        insightSchemas.explainQuery,
        { ...req.query },
        'query',
      );
      const { enabled, slots } = config.deferral;
      const slot = enabled ? slotOf(route, slots, config.routes) : undefined;
      const known = config.routes.get(slot?.alias ?? route);
      if (known === undefined) {
        throw new AppError('model_not_found', 'No such route is configured.', { param: 'route' });
      }
      const targets = known.targets.map(({ pool, model }) => ({ pool, model }));
      const { ttlMs } = config.sessions;
      const named = session === undefined ? undefined : { id: session, ttlMs };
      const asked = { targets, tenant, tokens, reserveMicro, session: named };
      res.json({ ...(await insight.explain(asked)), ...(slot && { slot }) });
    })
    .all(refuseMethod(['GET']));
  router
    .route('/budgets')
    .get(async (_req, res) => {
      res.json({ currency: currency(), budgets: await insight.budgets() });
    })
    .all(refuseMethod(['GET']));
  router
    .route('/spend')
    .get(async (req, res) => {
      const { by, tenant, limit } = parse(insightSchemas.spendQuery, { ...req.query }, 'query');
      if (by === 'run') {
        res.json({ currency: currency(), by, rows: await insight.runs({ most: limit, tenant }) });
        return;
      }
      const rows = (await insight.spend()).filter((row) => (tenant ?? row.tenant) === row.tenant);
      res.json({ currency: currency(), by, rows: summed(rows, by).slice(0, limit) });
    })
    .all(refuseMethod(['GET']));
}

/** Rows of one period each, summed over all that `by` does not tell apart; the dearest first. */
function summed(rows: readonly SpendRow[], by: 'tenant' | 'route' | 'model' | 'all') {
  const sums = new Map<string, Record<string, unknown> & { micro: number }>();
  for (const { periodStartMs, tenant, route, model, micro } of rows) {
    const names = by === 'all' ? { tenant, route, model } : { [by]: { tenant, route, model }[by] };
    const key = JSON.stringify([periodStartMs, names]);
    const sum = sums.get(key) ?? { periodStartMs, ...names, micro: 0 };
    sum.micro += micro;
    sums.set(key, sum);
  }
  return [...sums.values()].sort((a, b) => b.micro - a.micro);
}
