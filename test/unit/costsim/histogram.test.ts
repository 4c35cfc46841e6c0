// Quantiles of drift from buckets, held against exact ones.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addCounts,
  bucketOf,
  packCounts,
  QUANTILE_ERROR,
  quantileOf,
  samplesOf,
  type Counts,
} from '../../../src/costsim/histogram.ts';

const LEAST = 0.001;

function countsOf(drifts: readonly number[]): Counts {
  const counts: Counts = new Map<number, number>();
  for (const drift of drifts) counts.set(bucketOf(drift), (counts.get(bucketOf(drift)) ?? 0) + 1);
  return counts;
}

/** Nearest rank. */
function exact(drifts: readonly number[], part: number): number {
  const sorted = [...drifts].sort((one, other) => one - other);
  return sorted[Math.ceil(part * sorted.length) - 1] ?? NaN;
}

const drift = fc.oneof(
  fc.double({ min: 0, max: 2, noNaN: true }),
  fc.double({ min: 0, max: 1000, noNaN: true }),
  fc.constantFrom(0, 0.15, 0.2, 1),
);

describe('a quantile of drifts', () => {
  it('is right within half a bucket, whatever the drifts are', () => {
    fc.assert(
      fc.property(
        fc.array(drift, { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.95, 1),
        (drifts, part) => {
          const wanted = exact(drifts, part);

          const found = quantileOf(countsOf(drifts), part) ?? NaN;

          expect(Math.abs(found - wanted)).toBeLessThanOrEqual(
            wanted * (QUANTILE_ERROR + 1e-9) + LEAST,
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is none without samples', () => {
    expect(quantileOf(new Map(), 0.95)).toBeUndefined();
  });

  it('is right within two and a half per cent', () => {
    expect(QUANTILE_ERROR).toBeLessThan(0.025);
  });
});

describe('a histogram', () => {
  it('is read as it was packed, and adds up', () => {
    const counts = countsOf([0, 0.2, 0.2, 3, 1e9]);

    const twice: Counts = new Map<number, number>();
    addCounts(twice, packCounts(counts));
    addCounts(twice, packCounts(counts));

    expect(samplesOf(twice)).toBe(10);
    expect(twice.get(bucketOf(0.2))).toBe(4);
  });

  it('of a length that no histogram has counts as empty', () => {
    const counts: Counts = new Map<number, number>();

    addCounts(counts, Buffer.from('12345'));

    expect(samplesOf(counts)).toBe(0);
  });
});
