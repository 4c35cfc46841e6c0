// What tokens cost: one formula, in integers. Where prices come from is price-table.ts's matter, how
// many tokens there were estimate.ts's and settlement.ts's.
import type { PriceConfig } from '../config/costs-resolve.ts';
import { sumOf } from '../core/money.ts';

/** Micro-units of the budget's currency for a million tokens. */
export type Price = PriceConfig;

/** All are integers >= 0; cached input tokens are a part of the input tokens. */
export interface Tokens {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens: number;
}

/** No request's count of one kind of token is taken for higher, whoever reports it. */
export const MAX_TOKENS = 1_000_000_000;

/** In micro-units, rounded up once. Finite and >= 0 whatever the tokens say. */
export function costOf(tokens: Tokens, price: Price): number {
  const input = tokenCount(tokens.inputTokens);
  const cached = Math.min(tokenCount(tokens.cachedInputTokens), input);
  return sumOf([
    { count: input - cached, microPerMillion: price.inputMicro },
    { count: cached, microPerMillion: price.cachedInputMicro },
    { count: tokenCount(tokens.outputTokens), microPerMillion: price.outputMicro },
  ]);
}

/** The nearest whole count of tokens, from 0 to `MAX_TOKENS`; what is no number counts as 0. */
export function tokenCount(tokens: number): number {
  return tokens > 0 ? Math.min(Math.ceil(tokens), MAX_TOKENS) : 0;
}
