// @module-tag redis_required
// The p95 that the breaker goes by, computed in the store, against the exact one of the same drifts,
// over any batches and any passing of time.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDrift } from '../../src/costsim/drift.ts';
import { QUANTILE_ERROR } from '../../src/costsim/histogram.ts';
import { aRecord, smallBounds, TestCostsim } from '../support/costsim.ts';
import { useRedis } from '../support/redis.ts';

const redis = useRedis();
const WINDOW_MS = 12_000;
const PART_MS = WINDOW_MS / 12;
/** Nothing trips here: a trip would begin the window anew. */
const drift = { windowMs: WINDOW_MS, trip: 100, warn: 100 };

const batch = fc.record({
  waitMs: fc.constantFrom(0, 300, 1000, 2500, 13_000),
  drifts: fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 20 }),
});

/** Nearest rank; 0 of none. */
function exact(drifts: readonly number[], part: number): number {
  const sorted = [...drifts].sort((one, other) => one - other);
  return sorted[Math.ceil(part * sorted.length) - 1] ?? 0;
}

describe('the drift of the window', () => {
  it('is that of the samples in it, within half a bucket, in the script and for readers', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 12 }), async (batches) => {
        const cell = new TestCostsim(redis.redis, {
          cell: redis.cell(),
          config: smallBounds({ drift }),
        });
        const seen: { readonly atMs: number; readonly drift: number }[] = [];
        for (const { waitMs, drifts } of batches) {
          cell.now += waitMs;
          // The actual is 1000 micro-units: a thousandth is one of them.
          const records = drifts.map((thousandths) => aRecord({ drift: thousandths / 1000 }));
          for (const thousandths of drifts) {
            seen.push({ atMs: cell.now, drift: thousandths / 1000 });
          }
          await cell.observe(records);
        }
        cell.now += 1000;
        const { breaker } = await cell.observe();
        const { keys } = cell.store;
        const clock = (): number => cell.now;
        const found = await readDrift({
          redis: redis.redis,
          keys,
          clock,
          windowMs: () => WINDOW_MS,
        });

        const oldest = cell.now - WINDOW_MS;
        const inWindow = seen.filter(({ atMs }) => Math.floor(atMs / PART_MS) * PART_MS > oldest);
        const wanted = exact(
          inWindow.map((one) => one.drift),
          0.95,
        );
        compared += inWindow.length > 20 ? 1 : 0;
        const read = found.find(
          ({ estimator, against, model }) =>
            estimator === 'v2' && against === 'actual' && model === undefined,
        );
        expect(breaker.samples).toBe(inWindow.length);
        expect(read?.samples ?? 0).toBe(inWindow.length);
        expect(Math.abs(breaker.p95 - wanted)).toBeLessThanOrEqual(
          wanted * (QUANTILE_ERROR + 1e-6) + 0.001,
        );
        expect(read?.p95 ?? 0).toBeCloseTo(breaker.p95, 5);
      }),
      { numRuns: 60 },
    );
    expect(compared).toBeGreaterThan(10);
  });
});
