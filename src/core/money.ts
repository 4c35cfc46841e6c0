// Money as whole micro-units: millionths of one unit of the budget's currency. Amounts are read and
// written digit by digit, and multiplied as integers, so no sum ever carries a rounding error of
// floating point. It knows no currency and no price.

export const MICRO_PER_UNIT = 1_000_000;

/**
 * No single amount is larger: a thousand of them still add up below 2^53, where neither JavaScript
 * nor Lua count exactly any more. It is a million units of the currency.
 */
export const MAX_AMOUNT_MICRO = 1_000_000 * MICRO_PER_UNIT;

const AMOUNT = /^(\d{1,7})(?:\.(\d{1,6}))?$/;

/**
 * `12.5` or `'12.50'` → 12,500,000. Undefined for what is not an amount: signs, exponents, more than
 * six decimals, more than `MAX_AMOUNT_MICRO`.
 */
export function parseMoney(amount: string | number): number | undefined {
  const [, whole, decimals = ''] = AMOUNT.exec(String(amount)) ?? [];
  if (whole === undefined) return undefined;
  const micro = Number(whole) * MICRO_PER_UNIT + Number(decimals.padEnd(6, '0'));
  return micro <= MAX_AMOUNT_MICRO ? micro : undefined;
}

/** 12,500,000 → `12.50`: at least two decimals, at most six, none of them rounded. */
export function formatMoney(micro: number): string {
  const digits = String(Math.abs(micro)).padStart(7, '0');
  const decimals = digits.slice(-6).replace(/0{1,4}$/, '');
  return `${micro < 0 ? '-' : ''}${digits.slice(0, -6)}.${decimals}`;
}

/** One term of a sum: `count` things at `microPerMillion` micro-units for a million of them. */
export interface Term {
  readonly count: number;
  readonly microPerMillion: number;
}

/**
 * What the terms cost together in micro-units, rounded up once, at most `MAX_AMOUNT_MICRO`. All
 * numbers must be integers >= 0. BigInt, because a product may pass 2^53 long before it is divided.
 */
export function sumOf(terms: readonly Term[]): number {
  let sum = 0n;
  for (const { count, microPerMillion } of terms) sum += BigInt(count) * BigInt(microPerMillion);
  const micro = (sum + 999_999n) / 1_000_000n;
  return micro > BigInt(MAX_AMOUNT_MICRO) ? MAX_AMOUNT_MICRO : Number(micro);
}
