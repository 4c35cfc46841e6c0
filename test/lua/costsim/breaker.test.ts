// @module-tag redis_required
// When drift opens the breaker of `v2`, by the integer clock.
import { describe, expect, it } from 'vitest';
import { smallBounds, someRecords, TestCostsim } from '../../support/costsim.ts';
import { useRedis } from '../../support/redis.ts';

const redis = useRedis();

const aCell = (config = smallBounds()): TestCostsim =>
  new TestCostsim(redis.redis, { cell: redis.cell(), config });

describe('the drift of the window', () => {
  it('trips the breaker when its p95 is beyond the bound, once', async () => {
    const cell = aCell();

    const { breaker, changes } = await cell.observe(someRecords(10, { drift: 0.5 }));
    cell.now += 1000;
    const again = await cell.observe(someRecords(10, { drift: 0.5 }));

    expect(breaker).toMatchObject({ state: 'open', cause: 'window', samples: 10 });
    expect(breaker.recoverAtMs).toBe(11_000);
    expect(breaker.p95).toBeGreaterThan(0.48);
    expect(breaker.p95).toBeLessThan(0.52);
    expect(changes.map(({ kind }) => kind)).toEqual(['warned', 'tripped']);
    expect(again.changes).toEqual([]);
    expect(await cell.bit()).toBe('1');
  });

  it('trips nothing with too few samples', async () => {
    const cell = aCell();

    const { breaker } = await cell.observe(someRecords(9, { drift: 5 }));

    expect(breaker).toMatchObject({ state: 'closed', samples: 9 });
    expect(await cell.bit()).toBe('0');
  });

  it('trips nothing where a twentieth is off, and trips where more are', async () => {
    const [few, many] = [aCell(), aCell()];

    const one = await few.observe([...someRecords(95), ...someRecords(5, { drift: 2 })]);
    const other = await many.observe([...someRecords(94), ...someRecords(6, { drift: 2 })]);

    expect([one.breaker.state, other.breaker.state]).toEqual(['closed', 'open']);
  });

  it('warns once on the way, and again after it was well below', async () => {
    const cell = aCell(smallBounds({ breaker: { incidents: 1000, cooldownMs: 10_000 } }));
    const kinds = async (drift: number): Promise<readonly string[]> => {
      const { changes } = await cell.observe(someRecords(100, { drift }));
      cell.now += 1000;
      return changes.map(({ kind }) => kind);
    };

    const [first, second] = [await kinds(0.17), await kinds(0.17)];
    cell.now += 12_000;
    const calm = await kinds(0.05);
    cell.now += 12_000;
    const third = await kinds(0.17);

    expect([first, second, calm, third]).toEqual([['warned'], [], [], ['warned']]);
  });

  it('forgets what is older than the window', async () => {
    const cell = aCell();
    await cell.observe(someRecords(9, { drift: 5 }));
    cell.now += 12_000;

    const { breaker } = await cell.observe(someRecords(9, { drift: 5 }));

    expect(breaker).toMatchObject({ state: 'closed', samples: 9 });
  });

  it('counts drift against actuals alone, and of live requests alone', async () => {
    const cell = aCell();

    const { breaker } = await cell.observe([
      ...someRecords(20, { drift: 5, actual: undefined }),
      ...someRecords(20, { drift: 5, source: 'baseline' }),
      ...someRecords(20, { drift: 5, v2: undefined }),
    ]);

    expect(breaker).toMatchObject({ state: 'closed', samples: 0 });
  });
});

describe('incidents', () => {
  /** Intervals of bad drift among so many good samples that the window stays calm. */
  async function badIntervals(cell: TestCostsim, count: number): Promise<void> {
    await cell.observe(someRecords(2000));
    for (let i = 0; i < count; i += 1) {
      cell.now += 1000;
      await cell.observe(someRecords(10, { drift: 0.5 }));
    }
    cell.now += 1000;
  }

  it('in a row trip the breaker', async () => {
    const cell = aCell();
    await badIntervals(cell, 3);

    const { breaker, changes } = await cell.observe();

    expect(breaker).toMatchObject({ state: 'open', cause: 'incidents', consecutiveFailures: 3 });
    expect(changes.map(({ kind }) => kind)).toEqual(['incident', 'tripped']);
    expect(await cell.logged()).toEqual(['incident', 'incident', 'incident', 'tripped']);
  });

  it('do not trip it when a good interval comes between', async () => {
    const cell = aCell();
    await badIntervals(cell, 2);
    await cell.observe(someRecords(10));
    cell.now += 1000;
    await cell.observe(someRecords(10, { drift: 0.5 }));
    cell.now += 1000;

    const { breaker } = await cell.observe();

    expect(breaker).toMatchObject({ state: 'closed', consecutiveFailures: 1 });
  });

  it('stay in a row over intervals without enough samples', async () => {
    const cell = aCell();
    await badIntervals(cell, 2);
    await cell.observe(someRecords(9));
    cell.now += 1000;
    await cell.observe(someRecords(10, { drift: 0.5 }));
    cell.now += 1000;

    const { breaker } = await cell.observe();

    expect(breaker).toMatchObject({ state: 'open', cause: 'incidents' });
  });
});
