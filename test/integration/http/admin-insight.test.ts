// @module-tag redis_required
// What the admin API tells of the cell: explanations, budgets and spend.
import { describe, expect, it } from 'vitest';
import { useRedis } from '../../support/redis.ts';
import { aProxy, post } from '../../support/proxy.ts';
import type { TestGateway } from '../../support/gateway.ts';

const store = useRedis();
const TOKEN = 'admin-token-0123456789';
const FILE = {
  admin: { token: TOKEN },
  budget: { currency: 'EUR', usdRate: 0.9, global: { warn: 1, stop: 2, period: 'month' } },
  prices: { 'gpt-4': { input: 1000, output: 1000 } },
};

async function ask(proxy: TestGateway, path: string) {
  const response = await fetch(`${proxy.url}/admin${path}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('GET /admin/explain', () => {
  it('says that a request would be granted, and by which account', async () => {
    const { proxy } = await aProxy(store, undefined, { file: FILE });

    const { status, body } = await ask(proxy, '/explain?route=gpt-4');

    expect(status).toBe(200);
    expect(body).toMatchObject({
      decision: 'granted',
      tenant: { name: 'default' },
      accounts: [{ account: 'a1', verdict: 'chosen', inFlight: 0, limit: 2 }],
    });
  });

  it('says what it waits for where every account is full', async () => {
    const { proxy } = await aProxy(store, undefined, { slots: 1, file: FILE });
    await proxy.scheduler.acquire({ targets: [{ pool: 'openai', model: 'gpt-4' }] });

    const { body } = await ask(proxy, '/explain?route=gpt-4');

    expect(body).toMatchObject({
      decision: 'queued',
      reason: 'pool_full',
      accounts: [{ account: 'a1', verdict: 'full', inFlight: 1 }],
    });
  });

  it('says which route serves a slot that has none', async () => {
    const targets = [{ pool: 'openai', model: 'gpt-4' }];
    const file = { ...FILE, deferral: { enabled: true }, routes: { primary: { targets } } };
    const { proxy } = await aProxy(store, undefined, { file });

    const { body } = await ask(proxy, '/explain?route=deep');

    expect(body).toMatchObject({
      decision: 'granted',
      slot: { slot: 'primary', alias: 'primary', insteadOf: 'deep' },
    });
  });

  it('says that the budget would refuse', async () => {
    const { proxy } = await aProxy(store, undefined, { file: FILE });

    const { body } = await ask(proxy, '/explain?route=gpt-4&reserveMicro=2000001');

    expect(body).toMatchObject({ decision: 'refused', reason: 'budget_stop' });
  });

  it.each([
    ['/explain', 400, 'invalid_params'],
    ['/explain?route=nope', 404, 'model_not_found'],
    ['/explain?route=gpt-4&tenant=a%0Ab', 400, 'invalid_params'],
    ['/spend?by=key', 400, 'invalid_params'],
  ])('%s is %i', async (path, status, code) => {
    const { proxy } = await aProxy(store, undefined, { file: FILE });

    const answer = await ask(proxy, path);

    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ error: { code } });
  });
});

describe('GET /admin/budgets and /admin/spend', () => {
  it('tell what was settled, by whom and for which run', async () => {
    const { proxy } = await aProxy(store, undefined, { file: FILE });
    const response = await post(proxy, { headers: { 'x-slotkeeper-run': 'nightly-7' } });
    await response.text();
    await expect.poll(() => proxy.inFlight()).toBe(0);

    const budgets = await ask(proxy, '/budgets');
    const spend = await ask(proxy, '/spend?by=tenant');
    const runs = await ask(proxy, '/spend?by=run');

    const settled = (budgets.body['budgets'] as { settledMicro: number }[])[0]!.settledMicro;
    expect(settled).toBeGreaterThan(0);
    expect(budgets.body).toMatchObject({
      currency: 'EUR',
      budgets: [{ scope: '*', reservedMicro: 0 }],
    });
    expect(spend.body['rows']).toMatchObject([{ tenant: 'default', micro: settled }]);
    expect(runs.body['rows']).toEqual([{ tenant: 'default', run: 'nightly-7', micro: settled }]);
  });
});
