// Both estimators beside an upstream that bills with a real tokenizer: each request of the mix is
// estimated, answered, and then learned from, in its order.
import { sizeOfFields } from '../../src/gateway/size.ts';
import { estimateV1 } from '../../src/costs/estimate.ts';
import { estimateV2 } from '../../src/costs/estimate-v2.ts';
import { Lengths } from '../../src/costs/lengths.ts';
import { costOf, type Price } from '../../src/costs/price.ts';
import { TokenCounter } from '../../src/costs/token-counter.ts';
import { startSimulator } from '../../src/sim/server.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Bench } from '../harness/scenario.ts';
import type { MixedRequest } from '../mix/requests.ts';

/** |estimate - actual| / actual of the cost of a request. */
export interface Drift {
  readonly v1: number;
  readonly v2: number;
}

const DEFAULT_OUTPUT_TOKENS = 1024;
/** Micro-units for a million tokens: list prices in dollars. */
const PRICES: Readonly<Record<string, Price>> = {
  'gpt-4o': aPrice(2.5, 10, 1.25),
  'gpt-4o-mini': aPrice(0.15, 0.6, 0.075),
  'gpt-4': aPrice(30, 60, 30),
};
/** Daemons tell once a second: as many requests pass meanwhile. */
const TELL_EVERY = 10;

function aPrice(input: number, output: number, cached: number): Price {
  const micro = (dollars: number): number => dollars * 1_000_000;
  return { inputMicro: micro(input), outputMicro: micro(output), cachedInputMicro: micro(cached) };
}

export function aTokenCounter(bench: Bench): TokenCounter {
  const limits = { tokenizerQueueBytes: 64 * 1024 * 1024, exactCharacters: 200_000 };
  const tokens = new TokenCounter({ limits: () => limits });
  bench.defer(() => tokens.stop());
  return tokens;
}

/** The drift of each request; `quantile` is what is expected of learned lengths. */
export async function driftsOf(
  bench: Bench,
  redis: RedisServer,
  { requests, quantile }: { readonly requests: readonly MixedRequest[]; readonly quantile: number },
): Promise<readonly Drift[]> {
  const sim = await startSimulator({ seed: 1, behaviour: { bill: 'tokens' } });
  bench.defer(() => sim.stop());
  const tokens = aTokenCounter(bench);
  const config = { outputQuantile: quantile, halfLifeMs: 3_600_000, minSamples: 10 };
  const lengths = new Lengths({
    redis: redis.connect(),
    cell: `drift-${quantile}`,
    keyStyle: 'plain',
    config: () => ({ ...config, maxLearned: 1000 }),
  });
  const drifts: Drift[] = [];
  for (const [index, request] of requests.entries()) {
    if (index % TELL_EVERY === 0) await lengths.tell();
    bench.progress(`request ${index} of ${requests.length}`);
    const { tenant, route, body } = request;
    const { model } = body;
    const price = PRICES[model];
    const size = sizeOfFields(body, 'chat');
    const bytes = Buffer.from(JSON.stringify(body));
    const counted = await tokens.count({ body: bytes, isJson: true, isChat: true, model });
    if (counted.kind !== 'counted' || price === undefined) throw new Error('nothing was counted');
    const { outOfScope } = counted;
    const basis = { ...size, countedTokens: counted.tokens, outOfScope };
    const terms = { defaultOutputTokens: DEFAULT_OUTPUT_TOKENS, price };
    const of = { tenant, route, model };
    const [v1, v2] = [estimateV1(basis, terms), estimateV2(basis, lengths.find(of), terms)];
    const actual = await usageOf(sim.url, request);
    lengths.note(of, actual);
    const cost = costOf(actual, price);
    const drift = (estimate: number): number => Math.abs(estimate - cost) / cost;
    drifts.push({ v1: drift(v1.costMicro ?? 0), v2: drift(v2.costMicro ?? 0) });
  }
  return drifts;
}

async function usageOf(url: string, { body, answerWords }: MixedRequest) {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sim-tokens': String(answerWords) },
    body: JSON.stringify(body),
  });
  const { usage } = (await answer.json()) as {
    readonly usage: {
      readonly prompt_tokens: number;
      readonly completion_tokens: number;
      readonly prompt_tokens_details: { readonly cached_tokens: number };
    };
  };
  return {
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
    cachedInputTokens: usage.prompt_tokens_details.cached_tokens,
  };
}
