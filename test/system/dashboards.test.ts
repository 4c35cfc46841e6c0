// @module-tag redis_required
// Every expression of every dashboard, asked of a real Prometheus that scrapes two daemons under load
// and in trouble: each must answer with numbers. A dashboard that shows nothing helps nobody.
import { describe, expect, it } from 'vitest';
import { SHEETS } from '../../ops/grafana/src/sheets.ts';
import { debianTool } from '../support/debian-tools.ts';
import { eventually } from '../support/eventually.ts';
import { FAILING_UPSTREAMS } from '../support/failing-upstreams.ts';
import { startPrometheus, type Sample } from '../support/prometheus.ts';
import { useRedis } from '../support/redis.ts';
import { startTroubledFleet } from '../support/troubled-fleet.ts';

const store = useRedis();
const prometheus = await debianTool('prometheus');
const PATIENCE = { timeoutMs: 60_000, intervalMs: 1000 };

const EXPRESSIONS = SHEETS.flatMap(({ uid, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map(([expr]) => {
        return { where: `${uid}, ${title}`, expr: asGrafanaWould(expr) };
      }),
    ),
  ),
);

/** With every variable in place: all cells, and a range that holds some scrapes. */
function asGrafanaWould(expr: string): string {
  return expr.replaceAll('$cell', '.*').replaceAll('$__rate_interval', '10s');
}

const isNumber = ({ value: [, text] }: Sample): boolean => text !== 'NaN';

describe.skipIf(prometheus === undefined)(
  'the dashboards, on daemons that serve and have trouble',
  () => {
    it('have no expression without an answer', async () => {
      const nowhere = await FAILING_UPSTREAMS.refuses();
      const { daemons, statuses } = await startTroubledFleet(store, { nowhere });
      const urls = daemons.map(({ url }) => url);
      const { query } = await startPrometheus({ program: prometheus ?? '', daemons: urls });
      // Some hold for moments only, such as an account that rests: answered once is enough.
      let unanswered = EXPRESSIONS;

      await eventually(async () => {
        const left = await Promise.all(
          unanswered.map(async (one) => ((await query(one.expr)).some(isNumber) ? [] : [one])),
        );
        unanswered = left.flat();
        const list = unanswered.map(({ where, expr }) => `${where}: ${expr}`).join('\n');
        if (list !== '') throw new Error(`${unanswered.length} have no answer:\n${list}`);
      }, PATIENCE);

      expect(EXPRESSIONS.length).toBeGreaterThan(80);
      expect(unanswered).toEqual([]);
      expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 429]));
    });
  },
);
