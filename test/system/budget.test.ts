// @module-tag redis_required
// Money on the way of a request: reserved with the slot, settled with its return.
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { eventually } from '../support/eventually.ts';
import { aProxy, errorOf, expectUnharmed, post, streamOf } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';
import { answerWell, type Script } from '../support/upstream.ts';

const store = useRedis();

/** A thousandth of a dollar for an output token, nothing for input. */
const PRICES = { 'gpt-4': { input: 0, output: 1000 }, 'gpt-4-0613': { input: 0, output: 1000 } };

function aBudget(stop: number, warn = stop) {
  return { budget: { currency: 'USD', global: { warn, stop, period: 'none' } }, prices: PRICES };
}

/** Reserves 0.01; the upstream of these tests reports two output tokens, which cost 0.002. */
function tenTokens(model = 'gpt-4') {
  return { body: JSON.stringify({ model, messages: [], max_tokens: 10 }) };
}

/** Answers only when it is told to. */
function aSlowUpstream() {
  const held: (() => void)[] = [];
  const script: Script = (...call) => void held.push(() => answerWell(...call));
  return { held, script };
}

describe('requests at the same time', () => {
  it('cannot pass stop together, and what they did not use serves others', async () => {
    const { held, script } = aSlowUpstream();
    const { proxy } = await aProxy(store, script, { slots: 10, file: aBudget(0.02) });

    const first = [post(proxy, tenTokens()), post(proxy, tenTokens())];
    await eventually(() => expect(held).toHaveLength(2));
    const refused = await post(proxy, { ...tenTokens(), signal: AbortSignal.timeout(5000) });
    for (const answer of held) answer();
    const statuses = (await Promise.all(first)).map(({ status }) => status);

    expect(statuses).toEqual([200, 200]);
    expect(refused.status).toBe(429);
    expect(await errorOf(refused)).toMatchObject({ code: 'insufficient_quota' });
    await expectUnharmed(proxy);

    // 0.004 are settled: four more fit with a reserve of 0.01 each, a fifth does not.
    const later: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const next = post(proxy, tenTokens());
      await eventually(() => expect(held).toHaveLength(3 + i));
      held.at(-1)?.();
      later.push((await next).status);
    }
    later.push((await post(proxy, tenTokens())).status);
    expect(later).toEqual([200, 200, 200, 200, 429]);
  });
});

describe('a budget', () => {
  it('is one for all: two providers share one pool', async () => {
    const upstream = (name: string, models: readonly string[], baseUrl: string) => ({
      baseUrl: `${baseUrl}/v1`,
      models,
      accounts: [{ name, maxConcurrency: 5 }],
    });
    const { proxy } = await aProxy(store, answerWell, {
      file: (url) => ({
        ...aBudget(0.014),
        pools: { one: upstream('o1', ['gpt-4'], url), two: upstream('t1', ['gpt-4'], url) },
        routes: {},
      }),
    });
    const at = (provider: string) => post(proxy, tenTokens(`${provider}/gpt-4`));

    const statuses = [];
    for (const provider of ['one', 'two', 'two', 'one', 'two']) {
      statuses.push((await at(provider)).status);
    }

    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  });

  it('over warn still admits, and tells it once', async () => {
    const { proxy } = await aProxy(store, answerWell, { file: aBudget(1, 0.001) });
    const told: unknown[] = [];
    proxy.scheduler.events.on('budgetWarning', (event) => told.push(event));

    const statuses: number[] = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await post(proxy, tenTokens())).status);

    expect(statuses).toEqual([200, 200, 200, 200]);
    await eventually(() => expect(told).toHaveLength(1));
    expect(told[0]).toMatchObject({ scope: '*', stopMicro: 1_000_000 });
  });

  it('books what a run has spent under the run', async () => {
    const { proxy } = await aProxy(store, answerWell, { file: aBudget(1) });
    const headers = { 'content-type': 'application/json', 'x-slotkeeper-run': 'run-1' };

    for (let i = 0; i < 3; i += 1) await post(proxy, { ...tenTokens(), headers });
    await post(proxy, tenTokens());

    const { runSpend } = cellKeys(proxy.cell);
    await eventually(async () => {
      expect(await store.redis.hget(runSpend, 'default\trun-1')).toBe('6000');
    });
  });

  it('is not touched by what the upstream refuses', async () => {
    const refuse: Script = (_seen, res) => void res.writeHead(500).end('{"error":"no"}');
    const { proxy } = await aProxy(store, refuse, { file: aBudget(0.01) });

    for (let i = 0; i < 3; i += 1) expect((await post(proxy, tenTokens())).status).toBe(500);
  });

  it('is charged what passed when a stream is cut by its client', async () => {
    const text = 'data: {"choices":[]}\n\n';
    const { proxy } = await aProxy(store, streamOf(text), { file: aBudget(0.019) });
    const abort = new AbortController();

    const answer = await post(proxy, { ...tenTokens(), signal: abort.signal });
    await answer.body?.getReader().read();
    abort.abort();
    await expectUnharmed(proxy);

    // 22 bytes are six tokens, 0.006: what remains is 0.013.
    const reserve = (tokens: number) =>
      post(proxy, { body: JSON.stringify({ model: 'gpt-4', messages: [], max_tokens: tokens }) });
    expect((await reserve(14)).status).toBe(429);
    const fits = await reserve(13);
    expect(fits.status).toBe(200);
    await fits.body?.cancel();
  });

  it('refuses a model that has no price, and says how to give it one', async () => {
    const file = { ...aBudget(1), prices: {}, routes: {} };
    const pools = (url: string) => ({
      house: {
        baseUrl: `${url}/v1`,
        models: ['house-model'],
        accounts: [{ name: 'h1', maxConcurrency: 1 }],
      },
    });
    const { proxy, upstream } = await aProxy(store, answerWell, {
      file: (url) => ({ ...file, pools: pools(url) }),
    });

    const refused = await post(proxy, { body: '{"model":"house-model"}' });

    expect(refused.status).toBe(503);
    const error = await errorOf(refused);
    expect(error['code']).toBe('model_not_priced');
    expect(error['message']).toContain('`budget.unpriced: free`');
    expect(upstream.seen).toHaveLength(0);
  });
});
