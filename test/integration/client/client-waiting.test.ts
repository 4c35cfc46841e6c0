// @module-tag redis_required
// Waiting and costs through the Scheduler API and its client.
import { describe, expect, it } from 'vitest';
import { SlotkeeperClient } from '../../../src/client/client.ts';
import { insightInto } from '../../../src/scheduler/insight.ts';
import { useRedis } from '../../support/redis.ts';
import { startAdmin } from '../../support/admin-api.ts';

const store = useRedis();
const KEY = 'configured-key-0123456789';

async function aClient(file: Record<string, unknown> = {}) {
  const tenants = { acme: { keys: [KEY] } };
  const api = await startAdmin(store, { slots: 1, file: { tenants, ...file } });
  return { api, client: new SlotkeeperClient({ baseUrl: api.url, apiKey: KEY }) };
}

describe('a client that may wait', () => {
  it('gets the slot that another one gives back', async () => {
    const { api, client } = await aClient();
    const first = await client.acquire({ route: 'deep' });
    const second = client.acquire({ route: 'deep', waitMs: 15_000 });
    await expect.poll(() => api.scheduler.waiting()).toBe(1);

    await client.release(first);

    expect((await second).fence).toBeGreaterThan(first.fence);
  });

  it('is refused when its time is over', async () => {
    const { client } = await aClient();
    await client.acquire({ route: 'deep' });

    const refused = client.acquire({ route: 'deep', waitMs: 100 });

    await expect(refused).rejects.toMatchObject({ code: 'queue_timeout', status: 429 });
  });
});

describe('a client that tells costs', () => {
  it('reserves, and settles what it has used', async () => {
    const { api, client } = await aClient({
      budget: { currency: 'USD', global: { warn: 1, stop: 2, period: 'none' } },
    });
    const insight = insightInto({ redis: store.redis, cell: api.cell, keyStyle: 'plain' });
    const slot = await client.acquire({ route: 'deep', reserveMicro: 500 });
    const [reserved] = await insight.budgets();

    await client.release(slot, { costMicro: 120, tokens: 40 });
    const [settled] = await insight.budgets();

    expect(reserved).toMatchObject({ reservedMicro: 500, settledMicro: 0 });
    expect(settled).toMatchObject({ reservedMicro: 0, settledMicro: 120 });
  });
});
