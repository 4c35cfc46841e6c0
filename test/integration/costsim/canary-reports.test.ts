// @module-tag redis_required
// Reports of the canary in the store: how long they are kept, and how they are found.
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../../src/redis/keys.ts';
import { CanaryBench, DAY_MS } from '../../support/canary-bench.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();

async function aBench(wish: ConstructorParameters<typeof CanaryBench>[2] = {}) {
  const cell = store.cell();
  const bench = new CanaryBench(store.redis, cell, wish);
  await bench.elect('a', 1);
  return { bench, cell };
}

describe('reports', () => {
  it('are kept for their days, and no more of them than are allowed', async () => {
    const { bench } = await aBench({ keepDays: 2, maxReports: 3, enabled: false });
    const { canary } = bench.canary('a', 1);
    const counts: number[] = [];

    for (let n = 0; n < 5; n += 1) {
      await bench.store.ask('ann');
      await canary.look();
      counts.push((await bench.store.reports(10)).length);
    }
    bench.nowMs += 2 * DAY_MS + 1000;
    await bench.store.ask('ann');
    await canary.look();
    counts.push((await bench.store.reports(10)).length);

    expect(counts).toEqual([1, 2, 3, 3, 3, 1]);
  });

  it('are found by their names, and one that cannot be read is passed over', async () => {
    const { bench, cell } = await aBench();
    const { canary, reports } = bench.canary('a', 1);
    await bench.store.ask('ann');
    await canary.look();
    await store.redis.xadd(cellKeys(cell).canaryReports, '*', 'report', '{broken');

    expect(await bench.store.report(reports[0]!.id)).toEqual(reports[0]);
    expect(await bench.store.report('1')).toBeUndefined();
    expect(await bench.store.reports(10)).toEqual(reports);
  });
});
