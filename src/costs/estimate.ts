// How many tokens a request may use, guessed before it is sent: four characters are a token. The
// guess is what is reserved and what tokens per minute are charged; settlement.ts corrects both.
import type { EstimateBasis, Figures } from '../core/estimates.ts';
import { costOf, tokenCount, type Price } from './price.ts';

/** Changes with every change of what it answers. */
export const V1_VERSION = '1.0';

/** What of a request decides about its size. */
export interface Size {
  /** Characters of the texts that it sends. */
  readonly characters: number;
  /** Pictures, sounds and files, whose bytes say nothing about their tokens. */
  readonly attachments: number;
  /** How many answers it asks for at once. */
  readonly answers: number;
  /** Tokens that each answer may have by the caller's word; undefined where it sets no limit. */
  readonly outputLimit: number | undefined;
}

export interface Estimate {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

const CHARACTERS_PER_TOKEN = 4;
/** A large picture at the usual vendors; a small one has about a tenth. */
export const TOKENS_PER_ATTACHMENT = 1000;

/**
 * Input: a quarter of the characters, rounded up, and 1,000 tokens an attachment. Output: the limit
 * of an answer, else `defaultOutputTokens`, times the answers. Integers from 0 to a billion.
 */
export function estimateTokens(size: Size, defaultOutputTokens: number): Estimate {
  const { characters, attachments, answers, outputLimit = defaultOutputTokens } = size;
  const ofTexts = tokensOfCharacters(characters);
  return {
    inputTokens: tokenCount(ofTexts + tokenCount(attachments) * TOKENS_PER_ATTACHMENT),
    outputTokens: tokenCount(tokenCount(outputLimit) * tokenCount(answers)),
  };
}

export function tokensOfCharacters(characters: number): number {
  return tokenCount(characters / CHARACTERS_PER_TOKEN);
}

/** The first estimator as figures, of the same basis as the second (estimate-v2.ts). Pure. */
export function estimateV1(
  basis: EstimateBasis,
  terms: { readonly defaultOutputTokens: number; readonly price: Price | undefined },
): Figures {
  const { defaultOutputTokens, price } = terms;
  const tokens = { ...estimateTokens(basis, defaultOutputTokens), cachedInputTokens: 0 };
  return { ...tokens, costMicro: price && costOf(tokens, price) };
}
