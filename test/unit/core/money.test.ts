// Amounts as integers: reading, writing, multiplying.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMoney, MAX_AMOUNT_MICRO, parseMoney, sumOf } from '../../../src/core/money.ts';

describe('an amount', () => {
  it.each([
    ['0', 0],
    ['12.5', 12_500_000],
    [0.1, 100_000],
    ['0.000001', 1],
    ['1000000', MAX_AMOUNT_MICRO],
    [999_999.999999, 999_999_999_999],
  ])('is read digit by digit: %s', (text, micro) => {
    expect(parseMoney(text)).toBe(micro);
  });

  it.each(['', ' 1', '-1', '+1', '1e3', '.5', '1.', '0.0000001', '1000000.000001', 'NaN', '1,5'])(
    'is not read from "%s"',
    (text) => {
      expect(parseMoney(text)).toBeUndefined();
    },
  );

  it.each([
    [0, '0.00'],
    [1, '0.000001'],
    [12_500_000, '12.50'],
    [-340_000, '-0.34'],
    [1_234_560, '1.23456'],
  ])('of %i micro-units is written as %s', (micro, text) => {
    expect(formatMoney(micro)).toBe(text);
  });

  it('is read back as it was written', () => {
    const micro = fc.integer({ min: 0, max: MAX_AMOUNT_MICRO });

    fc.assert(fc.property(micro, (one) => parseMoney(formatMoney(one)) === one));
  });
});

describe('a sum', () => {
  it('is rounded up once, not term by term', () => {
    const half = { count: 1, microPerMillion: 500_000 };

    expect(sumOf([half])).toBe(1);
    expect(sumOf([half, half])).toBe(1);
    expect(sumOf([half, half, half])).toBe(2);
  });

  it('is exact where a product of floating point is not', () => {
    expect(sumOf([{ count: 999_999_999, microPerMillion: 999_999_999 }])).toBe(999_999_998_001);
    expect(sumOf([{ count: 3, microPerMillion: 9_007_199_254_740_991 }])).toBe(27_021_597_765);
  });

  it('stays an amount, however large its terms', () => {
    const count = Number.MAX_SAFE_INTEGER;

    expect(sumOf([{ count, microPerMillion: count }])).toBe(MAX_AMOUNT_MICRO);
  });
});
