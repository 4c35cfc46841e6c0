// The dashboards' files: they are what their sources say, and they ask for metrics that exist. That
// their expressions have answers is test/system/dashboards.test.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileOf, SHEETS, textOf } from '../../../ops/grafana/src/sheets.ts';
import { metricsIn, knownMetrics } from '../../support/promql.ts';
import { OPS } from '../../support/rules.ts';

const DIRECTORY = join(OPS, 'grafana/dashboards');

describe('the dashboards', () => {
  it.each(SHEETS)('$uid is what its source says (else: npm run dashboards)', (sheet) => {
    expect(readFileSync(join(DIRECTORY, fileOf(sheet)), 'utf8')).toBe(textOf(sheet));
  });

  it('are all there are', () => {
    expect(readdirSync(DIRECTORY).sort()).toEqual(SHEETS.map(fileOf).sort());
  });

  it('ask for metrics that a daemon has, and for a cell', () => {
    const known = knownMetrics();

    const all = SHEETS.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels));
    for (const [expr] of all.flatMap(({ queries }) => queries)) {
      const asked = metricsIn(expr);
      expect(asked.length, expr).toBeGreaterThan(0);
      expect(
        asked.filter((name) => !known.has(name)),
        expr,
      ).toEqual([]);
      expect(expr.match(/\{cell=~"\$cell"/g) ?? [], expr).toHaveLength(asked.length);
    }
  });

  it('give every panel of a dashboard a number of its own', () => {
    for (const sheet of SHEETS) {
      const { panels } = JSON.parse(textOf(sheet)) as {
        readonly panels: { readonly id: number }[];
      };
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    }
  });
});
