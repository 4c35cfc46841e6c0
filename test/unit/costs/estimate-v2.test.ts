// The second estimator as a function: of what was counted, what was learned, and what is allowed.
import { describe, expect, it } from 'vitest';
import type { EstimateBasis } from '../../../src/core/estimates.ts';
import { estimateV1 } from '../../../src/costs/estimate.ts';
import { estimateV2, NOTHING_LEARNED } from '../../../src/costs/estimate-v2.ts';
import { replay } from '../../../src/costs/replay.ts';
import { bucketOf, lengthAt, packLengths, readLengths } from '../../../src/costs/length-records.ts';

const BASIS: EstimateBasis = {
  characters: 400,
  attachments: 0,
  answers: 1,
  outputLimit: undefined,
  countedTokens: 80,
  outOfScope: [],
};
const PRICE = { inputMicro: 10_000_000, outputMicro: 20_000_000, cachedInputMicro: 1_000_000 };
const TERMS = { defaultOutputTokens: 1000, price: PRICE };
const LEARNED = { outputTokens: 50, cachedShare: 0.25 };

describe('the second estimator', () => {
  it('takes the tokens that were counted, the learned length and the cached share', () => {
    expect(estimateV2(BASIS, LEARNED, TERMS)).toEqual({
      inputTokens: 80,
      outputTokens: 50,
      cachedInputTokens: 20,
      costMicro: 60 * 10 + 20 * 1 + 50 * 20,
    });
  });

  it.each([
    ['the learned length, below the limit', 200, LEARNED, 50],
    ['the limit, below the learned length', 30, LEARNED, 30],
    ['the limit, where nothing is learned', 30, NOTHING_LEARNED, 30],
    ['the default, where there is no limit either', undefined, NOTHING_LEARNED, 1000],
    ['nothing, where nothing is allowed', 0, LEARNED, 0],
  ])('expects %s', (_, outputLimit, learned, expected) => {
    expect(estimateV2({ ...BASIS, outputLimit }, learned, TERMS).outputTokens).toBe(expected);
  });

  it('expects so much of each answer', () => {
    expect(estimateV2({ ...BASIS, answers: 3 }, LEARNED, TERMS).outputTokens).toBe(150);
    expect(estimateV2({ ...BASIS, answers: 0 }, LEARNED, TERMS).outputTokens).toBe(0);
  });

  it('says the same as the first one where nothing was counted and nothing is learned', () => {
    const basis = { ...BASIS, countedTokens: undefined, attachments: 2, outputLimit: 70 };

    expect(estimateV2(basis, NOTHING_LEARNED, TERMS)).toEqual(estimateV1(basis, TERMS));
  });

  it('prices nothing where nothing is priced', () => {
    expect(estimateV2(BASIS, LEARNED, { ...TERMS, price: undefined }).costMicro).toBeUndefined();
  });

  it.each([Number.NaN, -1, Infinity])(
    'stays finite with a learned length of %d',
    (outputTokens) => {
      const { costMicro = -1 } = estimateV2(BASIS, { outputTokens, cachedShare: 7 }, TERMS);

      expect(costMicro).toBeGreaterThanOrEqual(0);
      expect(Number.isFinite(costMicro)).toBe(true);
    },
  );
});

describe('a request that is replayed', () => {
  const rules = {
    prices: { priceOf: () => PRICE },
    defaultOutputTokens: 1000,
    lengths: {
      find: ({ tenant }: { tenant: string }) => (tenant === 't' ? LEARNED : NOTHING_LEARNED),
    },
  };
  const record = { tenant: 't', route: 'r', pool: 'p', model: 'm', basis: BASIS };

  it('is estimated again by both, without its content', () => {
    expect(replay(record, rules)).toEqual({
      v1: estimateV1(BASIS, TERMS),
      v2: estimateV2(BASIS, LEARNED, TERMS),
    });
  });

  it('needs what the estimators have looked at', () => {
    expect(replay({ ...record, basis: undefined }, rules)).toBeUndefined();
  });
});

describe('a record of lengths', () => {
  it('gives back what was packed, to a twentieth', () => {
    const buckets = new Map([0, 1, 7, 90, 4000].map((tokens) => [bucketOf(tokens), 1] as const));
    const bytes = packLengths({ inputTokens: 10, cachedTokens: 5, buckets });

    const record = readLengths(bytes)!;

    expect(record).toMatchObject({ weight: 5, inputTokens: 10, cachedTokens: 5, buckets });
    for (const [share, tokens] of [
      [0.2, 0],
      [0.4, 1],
      [0.6, 7],
      [0.8, 90],
      [1, 4000],
    ] as const) {
      expect(Math.abs(lengthAt(record, share) - tokens)).toBeLessThanOrEqual(tokens / 20);
    }
  });

  it('is not read from other bytes', () => {
    expect([0, 8, 26].map((size) => readLengths(Buffer.alloc(size)))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
