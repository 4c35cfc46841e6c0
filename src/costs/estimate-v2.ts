// The second estimator: input tokens by a tokenizer, the length of an answer and the share of cached
// input as they were learned. Pure: of what is known of a request and of what was learned.
import type { EstimateBasis, Figures } from '../core/estimates.ts';
import { tokensOfCharacters, TOKENS_PER_ATTACHMENT } from './estimate.ts';
import { costOf, tokenCount, type Price } from './price.ts';

/** Changes with every change of what it answers. */
export const V2_VERSION = '2.0';

/** What requests like this one have come to. */
export interface Learned {
  /** Of one answer; undefined where too few are known. */
  readonly outputTokens: number | undefined;
  /** Part of the input that the upstream had cached: 0 to 1. */
  readonly cachedShare: number;
}

export const NOTHING_LEARNED: Learned = { outputTokens: undefined, cachedShare: 0 };

export interface EstimateTerms {
  /** For an answer of unknown length without a limit. */
  readonly defaultOutputTokens: number;
  /** Of the target; undefined where nothing is priced. */
  readonly price: Price | undefined;
}

/** The caller's limit bounds what was learned; without either the default counts. */
export function estimateV2(
  basis: EstimateBasis,
  learned: Learned,
  { defaultOutputTokens, price }: EstimateTerms,
): Figures {
  const { countedTokens, characters, attachments, outputLimit, answers } = basis;
  const guessed = tokensOfCharacters(characters) + tokenCount(attachments) * TOKENS_PER_ATTACHMENT;
  const inputTokens = tokenCount(countedTokens ?? guessed);
  const expected = learned.outputTokens ?? outputLimit ?? defaultOutputTokens;
  const outputTokens = tokenCount(
    tokenCount(Math.min(expected, outputLimit ?? expected)) * answers,
  );
  const share = Math.min(1, Math.max(0, learned.cachedShare));
  const cachedInputTokens = Math.floor(inputTokens * share);
  const tokens = { inputTokens, outputTokens, cachedInputTokens };
  return { ...tokens, costMicro: price && costOf(tokens, price) };
}
