// A proxy whose requests are estimated by both estimators, as the test's configuration says, with
// what it tells of them. Two accounts, one model with a price.
import { afterAll } from 'vitest';
import type { ProvenanceRecord } from '../../src/core/estimates.ts';
import { Lengths } from '../../src/costs/lengths.ts';
import { TokenCounter } from '../../src/costs/token-counter.ts';
import type { EstimatorParts } from '../../src/gateway/estimating.ts';
import { aProxy, type TestProxy } from './proxy.ts';
import type { TestRedis } from './redis.ts';
import type { Script } from './upstream.ts';

export interface EstimatorWish {
  readonly estimates?: Readonly<Record<string, unknown>>;
  readonly parts?: Partial<EstimatorParts>;
  readonly script?: Script;
  readonly waitMs?: number;
}

export interface Estimated extends TestProxy {
  readonly lengths: Lengths;
  readonly records: readonly ProvenanceRecord[];
  readonly guesses: readonly string[];
}

/** Call it at the top of a test file: one thread counts for all of its tests, since it takes a second to start. */
export function useEstimators(store: TestRedis) {
  const limits = { tokenizerQueueBytes: 1_000_000, exactCharacters: 200_000 };
  const tokens = new TokenCounter({ limits: () => limits });
  afterAll(() => tokens.stop());
  return async function anEstimator({
    estimates = {},
    parts = {},
    script,
    waitMs = 0,
  }: EstimatorWish = {}) {
    const learned = { outputQuantile: 0.5, halfLifeMs: 3_600_000, minSamples: 10, maxLearned: 100 };
    const of = { redis: store.redis, cell: store.cell(), keyStyle: 'plain' } as const;
    const lengths = new Lengths({ ...of, config: () => learned });
    const file = {
      budget: { currency: 'USD', global: { stop: 100 } },
      prices: { 'gpt-4': { input: 1, output: 2, cachedInput: 0.5 } },
      estimates: { tokenizerWaitMs: 10_000, ...estimates },
    };
    const estimators = { tokens, lengths, ...parts };
    const { upstream, proxy } = await aProxy(store, script, {
      estimators,
      waitMs,
      file: (origin) => ({ ...aPool(origin), ...file }),
    });
    const records: ProvenanceRecord[] = [];
    const guesses: string[] = [];
    proxy.gateway.events.on('estimated', (record) => records.push(record));
    proxy.gateway.events.on('tokensGuessed', ({ reason }) => guesses.push(reason));
    return { upstream, proxy, lengths, records, guesses };
  };
}

function aPool(origin: string) {
  const account = { maxConcurrency: 2 };
  return {
    pools: {
      openai: {
        baseUrl: `${origin}/v1`,
        credential: 'key',
        models: ['gpt-4'],
        accounts: [
          { ...account, name: 'a1' },
          { ...account, name: 'a2' },
        ],
      },
    },
    routes: { 'gpt-4': { targets: [{ pool: 'openai', model: 'gpt-4' }] } },
    failover: { maxAttempts: 2 },
  };
}
