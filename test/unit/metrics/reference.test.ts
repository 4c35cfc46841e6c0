// The reference of metrics: it is current, leaves nothing out, and says how to put daemons together.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listMetrics, metricsReference } from '../../../src/metrics/reference.ts';
import { createMetrics } from '../../../src/metrics/registry.ts';

const FILE = resolve(import.meta.dirname, '../../../docs/metrics.md');

describe('docs/metrics.md', () => {
  it('is what the registry says now (else: node dist/cli/main.js metrics reference > it)', async () => {
    expect(readFileSync(FILE, 'utf8')).toBe(await metricsReference());
  });

  it('names every metric that a daemon tells of itself', async () => {
    const text = await metricsReference();
    const { registry } = createMetrics({ version: '1.2.3' });

    const names = registry.getMetricsAsArray().map(({ name }) => name);
    const own = names.filter((name) => !/^slotkeeper_(process|nodejs)_/.test(name));

    expect(own.length).toBeGreaterThan(60);
    expect(own.filter((name) => !text.includes(`| \`${name}\` |`))).toEqual([]);
  });
});

describe('the metrics of the cell', () => {
  it('are taken once, and those of a daemon are summed', async () => {
    const { registry } = createMetrics({ version: '1.2.3' });

    const all = await listMetrics(registry);

    const how = new Map(all.map(({ name, aggregator }) => [name, aggregator]));
    const ofTheCell = [...how.keys()].filter((name) =>
      /^slotkeeper_(account|model|cell|budget|tenant|breaker|store_memory)_(?!warnings)|^costsim_(drift|cb_state$|cb_consecutive)/.test(
        name,
      ),
    );
    expect(ofTheCell.length).toBeGreaterThan(20);
    expect(ofTheCell.filter((name) => how.get(name) !== 'max')).toEqual([]);
    const summed = [
      'slotkeeper_requests_total',
      'slotkeeper_queue_waiting',
      'slotkeeper_held_leases',
    ];
    expect(summed.map((name) => how.get(name))).toEqual(['sum', 'sum', 'sum']);
  });
});
