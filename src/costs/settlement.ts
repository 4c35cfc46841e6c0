// How many tokens a request has used, once it is over: by its usage where the upstream told one,
// else by a rule. It decides nothing about money; price.ts makes a cost of it.
import { tokensOfCharacters, type Estimate } from './estimate.ts';
import { tokenCount, type Tokens } from './price.ts';

/** Tokens as the upstream counted them; what it did not say is undefined. */
export interface ReportedUsage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly cachedInputTokens: number | undefined;
}

/** How a request ended, as far as its costs go. */
export interface Ending {
  readonly usage: ReportedUsage | undefined;
  /** Whether the upstream began a good answer (a status of 2xx). */
  readonly isAnswered: boolean;
  /** Bytes of the answer's body that came from the upstream. */
  readonly bytes: number;
}

const NOTHING: Tokens = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };

/**
 * The tokens to settle:
 * 1. What the upstream reported counts as it is, also above the estimate.
 * 2. Where it reported nothing and sent no byte of a good answer, nothing was used.
 * 3. Otherwise (cut in mid-answer, or an upstream that tells no usage) the whole input was used, as
 *    estimated, and a quarter of the bytes that came, as output; but never above the estimate, since
 *    the bytes of a stream are mostly its frames. The same fills what a usage leaves out.
 */
export function usedTokens({ usage, isAnswered, bytes }: Ending, estimate: Estimate): Tokens {
  if (usage === undefined && (!isAnswered || bytes === 0)) return NOTHING;
  const guessedOutput = Math.min(tokensOfCharacters(bytes), estimate.outputTokens);
  const inputTokens = tokenCount(usage?.inputTokens ?? estimate.inputTokens);
  return {
    inputTokens,
    outputTokens: tokenCount(usage?.outputTokens ?? guessedOutput),
    cachedInputTokens: Math.min(tokenCount(usage?.cachedInputTokens ?? 0), inputTokens),
  };
}
