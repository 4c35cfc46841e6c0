// Where prices come from: the configuration first, then the package, at the configured rate.
import { beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { loadKnownPrices, type KnownPrices } from '../../../src/costs/known-prices.ts';
import { loadPriceTable, makePriceTable, type PriceTable } from '../../../src/costs/price-table.ts';

interface TableOptions {
  readonly budget?: Readonly<Record<string, unknown>>;
  readonly prices?: Readonly<Record<string, unknown>>;
  readonly models?: readonly string[];
  readonly baseUrl?: string;
  readonly known?: KnownPrices;
}

/** Pools `a` and `b` with the same models. */
async function aTable(options: TableOptions): Promise<PriceTable> {
  const { models = ['gpt-4o'], baseUrl = 'https://api.openai.com/v1' } = options;
  const { budget: written = { currency: 'USD' }, prices = {} } = options;
  const account = (name: string) => ({ name, maxConcurrency: 1, baseUrl, models });
  const pools = { a: { accounts: [account('a1')] }, b: { accounts: [account('b1')] } };
  const text = JSON.stringify({ pools, budget: written, prices });
  const config = parseConfig(text, { source: 'test', env: {} });
  if (config.budget === undefined) throw new Error('the budget is off');
  if (options.known === undefined) return await loadPriceTable(config, config.budget);
  return makePriceTable(config, config.budget, options.known);
}

const A = { pool: 'a', model: 'gpt-4o' };
const B = { pool: 'b', model: 'gpt-4o' };

describe('the price of a model', () => {
  it('is what is configured, for its pool before all pools', async () => {
    const prices = {
      'gpt-4o': { input: 1, output: 2 },
      'b/gpt-4o': { input: '0.5', output: 0, cachedInput: 0.25 },
    };

    const table = await aTable({ prices });

    expect(table.priceOf(A)).toEqual({
      inputMicro: 1_000_000,
      outputMicro: 2_000_000,
      cachedInputMicro: 1_000_000,
    });
    expect(table.priceOf(B)).toEqual({
      inputMicro: 500_000,
      outputMicro: 0,
      cachedInputMicro: 250_000,
    });
  });

  it('is known from the package where it is not configured', async () => {
    const table = await aTable({});

    expect(table.unpriced).toEqual([]);
    expect(table.priceOf(A)).toEqual({
      inputMicro: 2_500_000,
      outputMicro: 10_000_000,
      cachedInputMicro: 1_250_000,
    });
  });

  it('is turned into the currency of the budget, rounded up', async () => {
    const known = () => ({ inputMicroUsd: 1_000_001, outputMicroUsd: 0, cachedInputMicroUsd: 10 });

    const table = await aTable({ budget: { currency: 'EUR', usdRate: 0.5 }, known });

    expect(table.priceOf(A)).toEqual({ inputMicro: 500_001, outputMicro: 0, cachedInputMicro: 5 });
  });

  it('that nobody knows is none, and is listed', async () => {
    const table = await aTable({ models: ['house-model'], baseUrl: 'http://10.0.0.1/v1' });

    expect(table.priceOf({ pool: 'a', model: 'house-model' })).toBeUndefined();
    expect(table.unpriced).toEqual(['a/house-model', 'b/house-model']);
  });

  it('that nobody knows is 0 where that is wanted, and is listed all the same', async () => {
    const budget = { currency: 'USD', unpriced: 'free' };

    const table = await aTable({ models: ['house-model'], budget });

    expect(table.priceOf({ pool: 'a', model: 'house-model' })).toMatchObject({ inputMicro: 0 });
    expect(table.unpriced).toEqual(['a/house-model', 'b/house-model']);
  });
});

describe('the package', () => {
  const at = { baseUrl: 'http://127.0.0.1/v1', provider: 'openai' };
  let known: KnownPrices;
  beforeAll(async () => {
    known = await loadKnownPrices();
  });

  it('knows what the usual models cost, by their vendors’ names and dated ones', () => {
    expect(known({ ...at, model: 'gpt-4o-mini-2024-07-18' })).toEqual({
      inputMicroUsd: 150_000,
      outputMicroUsd: 600_000,
      cachedInputMicroUsd: 75_000,
    });
    expect(known({ ...at, provider: 'anthropic', model: 'claude-sonnet-4' })).toMatchObject({
      inputMicroUsd: 3_000_000,
    });
  });

  it('counts prices that rise with the size at their dearest step', () => {
    expect(known({ ...at, model: 'gemini-2.5-pro' })).toMatchObject({ outputMicroUsd: 15_000_000 });
  });

  it('does not take a model that is paid by the hour for a free one', () => {
    expect(known({ ...at, model: 'whisper-1' })).toBeUndefined();
    expect(known({ ...at, model: 'omni-moderation-latest' })).toMatchObject({ inputMicroUsd: 0 });
  });

  it('does not stumble over names that objects have anyway', () => {
    expect(known({ ...at, model: '__proto__' })).toBeUndefined();
    expect(known({ ...at, model: 'constructor' })).toBeUndefined();
  });
});
