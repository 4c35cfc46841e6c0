// What a failover keeps: the provider that was named, the one of a run, the tier of the model, the
// order of accounts, what is charged, and a stream whose client has waited in it.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../../src/redis/keys.ts';
import { readBudgets } from '../../../src/scheduler/budgets.ts';
import { eventually } from '../../support/eventually.ts';
import { answering } from '../../support/failing-upstreams.ts';
import { EVENT, errorOf, post, streamOf } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aSickPool } from '../../support/sick-pool.ts';
import { TARGETS } from '../../support/schedulers.ts';
import { startUpstream } from '../../support/upstream.ts';

const store = useRedis();

/** Two accounts of `openai` that fail, and one of the next pool that does not. */
async function aSickProvider(more: Readonly<Record<string, unknown>> = {}) {
  const sick = await startUpstream(answering(500));
  const well = await startUpstream();
  const origins = { a: sick.url, b: sick.url, 'next/well': well.url };
  const proxy = await aSickPool(store, origins, { more });
  return { proxy, sick, well };
}

const JSON_TYPE = { 'content-type': 'application/json' };

describe('a failover', () => {
  it('goes on to the next provider where none is named', async () => {
    const { proxy, sick, well } = await aSickProvider();

    const response = await post(proxy);

    expect(response.status).toBe(200);
    expect([sick.seen.length, well.seen.length]).toEqual([2, 1]);
  });

  it.each([
    ['by a header', { 'x-slotkeeper-provider': 'openai' }, 'gpt-4'],
    ['before the model', {}, 'openai/gpt-4'],
  ] as const)('stays with the provider that was named %s', async (_how, headers, model) => {
    const { proxy, sick, well } = await aSickProvider();

    const response = await post(proxy, {
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ model, messages: [] }),
    });

    expect(response.status).toBe(500);
    expect([sick.seen.length, well.seen.length]).toEqual([2, 0]);
  });

  it('stays with the provider of its run, from the first request on', async () => {
    const { proxy, sick, well } = await aSickProvider();
    const headers = { ...JSON_TYPE, 'x-slotkeeper-run': 'run-1' };

    const first = await post(proxy, { headers });
    const second = await post(proxy, { headers });

    expect([first.status, second.status]).toEqual([500, 500]);
    expect([sick.seen.length, well.seen.length]).toEqual([4, 0]);
  });

  it('stays in the tier of the model where its route says so, and leaves it elsewhere', async () => {
    const targets = [
      { pool: 'openai', model: 'gpt-4' },
      { pool: 'next', model: 'gpt-4', tier: 1 },
    ];
    const routes = { strict: { targets, downgrade: 'never' }, lax: { targets } };
    const { proxy, well } = await aSickProvider({ routes });

    const strict = await post(proxy, { body: '{"model":"strict"}' });
    const seenByStrict = well.seen.length;
    const lax = await post(proxy, { body: '{"model":"lax"}' });

    expect([strict.status, seenByStrict]).toEqual([500, 0]);
    expect([lax.status, well.seen.length]).toEqual([200, 1]);
  });

  it('is seen by whoever reads the answer: how many were tried, and whose answer it is', async () => {
    const { proxy } = await aSickProvider();

    const failedOver = await post(proxy);
    const refused = await post(proxy, { body: '{"model":"unknown"}' });
    const failing = await post(proxy, { headers: { 'x-slotkeeper-provider': 'openai' } });

    const labels = [failedOver, failing].map(({ headers }) => headers.get('x-slotkeeper-account'));
    expect(failedOver.headers.get('x-slotkeeper-attempts')).toBe('3');
    expect(labels[0]).toMatch(/^[0-9a-f]{12}$/);
    expect(labels[1]).not.toBe(labels[0]);
    expect(refused.headers.get('x-slotkeeper-attempts')).toBe('0');
    expect(refused.headers.get('x-slotkeeper-account')).toBeNull();
  });
});

describe('the cost', () => {
  const BUDGET = {
    budget: { currency: 'USD', global: { warn: 1, stop: 1, period: 'none' } },
    prices: { 'gpt-4': { input: 0, output: 1000 } },
  };

  /** 0.002 are what the answer of the good upstream costs. */
  it.each([
    ['nothing for an attempt that failed', {}, 2000],
    ['what an attempt that failed says that it has used', { completion_tokens: 5 }, 7000],
  ])('is %s', async (_what, usage, settledMicro) => {
    const sick = await startUpstream((_seen, res) => {
      res.writeHead(500, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ error: { message: 'broken' }, usage }));
    });
    const well = await startUpstream();
    const proxy = await aSickPool(store, { a: sick.url, well: well.url }, { more: BUDGET });
    const keys = cellKeys(proxy.cell);
    const redis = await store.connect();

    await post(proxy, { body: '{"model":"gpt-4","messages":[],"max_tokens":10}' });

    await eventually(async () => {
      const [budget] = await readBudgets({ redis, keys });
      expect(budget).toMatchObject({ settledMicro, reservedMicro: 0 });
    });
  });
});

describe('a stream that has waited for its slot', () => {
  const STREAMED = JSON.stringify({ model: 'gpt-4', messages: [], stream: true });

  it('gets the events of the next account where the first one fails', async () => {
    const sick = await startUpstream(answering(503));
    const well = await startUpstream((seen, res, socket) => {
      streamOf(EVENT)(seen, res, socket);
      res.end('data: [DONE]\n\n');
    });
    const origins = { sick: sick.url, well: well.url };
    const options = { slots: 1, waitMs: 20_000, waitKeepAliveMs: 20 };
    const proxy = await aSickPool(store, origins, options);
    const leases = await Promise.all(
      [1, 2].map(() => proxy.scheduler.acquire({ targets: TARGETS })),
    );
    const response = await post(proxy, { body: STREAMED });

    await Promise.all(leases.map((lease) => lease.release()));
    const text = await response.text();

    expect(text.replaceAll(': waiting for a slot\n\n', '')).toBe(`${EVENT}data: [DONE]\n\n`);
    expect([sick.seen.length, well.seen.length]).toEqual([1, 1]);
  });

  it('hears of the last failure as an event, which counts as what it is', async () => {
    const sick = await startUpstream(answering(503));
    const options = { slots: 1, waitMs: 20_000, waitKeepAliveMs: 20 };
    const proxy = await aSickPool(store, { sick: sick.url }, options);
    const lease = await proxy.scheduler.acquire({ targets: TARGETS });
    const response = await post(proxy, { body: STREAMED });

    await lease.release();
    const text = await response.text();

    expect(response.status).toBe(200);
    expect(text).toMatch(/\n\nevent: error\ndata: \{"error":\{.*"upstream_protocol".*\}\}\n\n$/);
    await eventually(() => {
      expect(proxy.finished[0]).toMatchObject({ outcome: 'overloaded', sign: '503' });
    });
  });
});

describe('without a route to fail over to', () => {
  it('an unusable account is told to its caller as it is', async () => {
    const sick = await startUpstream(answering(401));
    const proxy = await aSickPool(store, { sick: sick.url });

    const response = await post(proxy);

    expect(response.status).toBe(401);
    expect(await errorOf(response)).toMatchObject({ message: 'the upstream says so' });
    await eventually(() => expect(proxy.finished[0]).toMatchObject({ outcome: 'unusable' }));
  });
});
