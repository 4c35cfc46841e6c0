// What a request is guessed to cost before, and is settled at after.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_AMOUNT_MICRO } from '../../../src/core/money.ts';
import { estimateTokens, type Size } from '../../../src/costs/estimate.ts';
import { costOf, MAX_TOKENS, type Price } from '../../../src/costs/price.ts';
import { usedTokens, type Ending } from '../../../src/costs/settlement.ts';

const PRICE: Price = {
  inputMicro: 2_500_000,
  outputMicro: 10_000_000,
  cachedInputMicro: 1_250_000,
};

function aSize(size: Partial<Size> = {}): Size {
  return { characters: 0, attachments: 0, answers: 1, outputLimit: undefined, ...size };
}

function anEnding(ending: Partial<Ending> = {}): Ending {
  return { usage: undefined, isAnswered: true, bytes: 0, ...ending };
}

describe('an estimate', () => {
  it('takes four characters for a token, rounded up, and the default for the output', () => {
    const tokens = estimateTokens(aSize({ characters: 9 }), 1024);

    expect(tokens).toEqual({ inputTokens: 3, outputTokens: 1024 });
  });

  it('takes the caller’s limit for each of the answers', () => {
    const tokens = estimateTokens(aSize({ outputLimit: 100, answers: 3 }), 1024);

    expect(tokens).toEqual({ inputTokens: 0, outputTokens: 300 });
  });

  it('takes a thousand tokens for an attachment', () => {
    expect(estimateTokens(aSize({ attachments: 2 }), 0).inputTokens).toBe(2000);
  });
});

describe('a cost', () => {
  it('counts cached input at its own price', () => {
    const tokens = { inputTokens: 1000, outputTokens: 100, cachedInputTokens: 400 };

    expect(costOf(tokens, PRICE)).toBe(600 * 2.5 + 400 * 1.25 + 100 * 10);
  });

  it('never counts more tokens as cached than there were', () => {
    const tokens = { inputTokens: 10, outputTokens: 0, cachedInputTokens: 1000 };

    expect(costOf(tokens, PRICE)).toBe(Math.ceil(10 * 1.25));
  });

  it('of the smallest request is not nothing', () => {
    const tokens = { inputTokens: 1, outputTokens: 0, cachedInputTokens: 0 };

    expect(costOf(tokens, { ...PRICE, inputMicro: 1 })).toBe(1);
  });
});

describe('what was used', () => {
  const estimate = { inputTokens: 50, outputTokens: 200 };

  it('is what the upstream reports, also above the estimate', () => {
    const usage = { inputTokens: 70, outputTokens: 900, cachedInputTokens: 20 };

    expect(usedTokens(anEnding({ usage }), estimate)).toEqual(usage);
  });

  it('is nothing when no byte of a good answer came', () => {
    for (const ending of [anEnding(), anEnding({ isAnswered: false, bytes: 900 })]) {
      const used = usedTokens(ending, estimate);

      expect(used).toEqual({ inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 });
    }
  });

  it('is the estimated input and a quarter of the bytes when an answer was cut', () => {
    const used = usedTokens(anEnding({ bytes: 402 }), estimate);

    expect(used).toEqual({ inputTokens: 50, outputTokens: 101, cachedInputTokens: 0 });
  });

  it('is never above the estimate without a report', () => {
    const used = usedTokens(anEnding({ bytes: 1_000_000 }), estimate);

    expect(used.outputTokens).toBe(200);
  });

  it('is filled up by the same rule where a report leaves something out', () => {
    const usage = { inputTokens: undefined, outputTokens: 7, cachedInputTokens: undefined };

    const used = usedTokens(anEnding({ usage, bytes: 4000 }), estimate);

    expect(used).toEqual({ inputTokens: 50, outputTokens: 7, cachedInputTokens: 0 });
  });
});

describe('whatever the numbers', () => {
  const odd = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(1e308, -1, NaN, Infinity));
  const micro = fc.integer({ min: 0, max: MAX_AMOUNT_MICRO });
  const prices = fc.record({ inputMicro: micro, outputMicro: micro, cachedInputMicro: micro });
  const maybe = fc.option(odd, { nil: undefined });
  const sizes = fc.record({ characters: odd, attachments: odd, answers: odd, outputLimit: maybe });
  const usages = fc.record({ inputTokens: maybe, outputTokens: maybe, cachedInputTokens: maybe });
  const endings = fc.record({
    usage: fc.option(usages, { nil: undefined }),
    isAnswered: fc.boolean(),
    bytes: odd,
  });
  const isCount = (tokens: number): boolean =>
    Number.isInteger(tokens) && tokens >= 0 && tokens <= MAX_TOKENS;
  const isAmount = (cost: number): boolean =>
    Number.isInteger(cost) && cost >= 0 && cost <= MAX_AMOUNT_MICRO;

  it('an estimate is a count of tokens and its cost an amount', () => {
    const property = fc.property(sizes, odd, prices, (size, fallback, price) => {
      const estimate = estimateTokens(size, fallback);
      const cost = costOf({ ...estimate, cachedInputTokens: 0 }, price);
      return isCount(estimate.inputTokens) && isCount(estimate.outputTokens) && isAmount(cost);
    });

    fc.assert(property);
  });

  it('a settlement is a count of tokens and its cost an amount', () => {
    const property = fc.property(sizes, endings, prices, (size, ending, price) => {
      const used = usedTokens(ending, estimateTokens(size, 1024));
      return Object.values(used).every(isCount) && isAmount(costOf(used, price));
    });

    fc.assert(property);
  });

  it('more cached input is never dearer than the same input fresh, where its price is lower', () => {
    const tokens = fc.integer({ min: 0, max: MAX_TOKENS });
    const property = fc.property(tokens, tokens, (inputTokens, cachedInputTokens) => {
      const fresh = costOf({ inputTokens, outputTokens: 0, cachedInputTokens: 0 }, PRICE);
      return costOf({ inputTokens, outputTokens: 0, cachedInputTokens }, PRICE) <= fresh;
    });

    fc.assert(property);
  });
});
