// @module-tag redis_required
// What the admin API tells of accounts that fail, and how it brings them back.
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/core/domain.ts';
import { startAdmin } from '../../support/admin-api.ts';
import { useRedis } from '../../support/redis.ts';
import { TARGETS } from '../../support/schedulers.ts';

const store = useRedis();

type Api = Awaited<ReturnType<typeof startAdmin>>;

async function end(api: Api, outcome: Outcome, times = 1): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    await (await api.scheduler.acquire({ targets: TARGETS })).release({ outcome });
  }
}

describe('GET /admin/breakers', () => {
  it('tells of nothing where nothing is wrong', async () => {
    const api = await startAdmin(store);
    await end(api, 'success');

    const { status, body } = await api.admin('GET', '/breakers');

    expect(status).toBe(200);
    expect(body).toMatchObject({ accounts: [], history: [] });
  });

  it('tells which breaker is open, why, for how long, and since when', async () => {
    const api = await startAdmin(store);
    await end(api, 'overloaded', 5);

    const { body } = await api.admin('GET', '/breakers?history=1');

    const breaker = { model: 'gpt-4', state: 'open', reason: 'overloaded', trips: 1 };
    expect(body).toMatchObject({
      accounts: [{ account: 'a1', pool: 'openai', disabled: false, breakers: [breaker] }],
      history: [{ account: 'a1', target: TARGETS[0], change: 'open', reason: 'overloaded' }],
    });
    const [{ breakers }] = body['accounts'] as [{ breakers: [{ restsMs: number }] }];
    expect(breakers[0].restsMs).toBeGreaterThan(1000);
    expect(breakers[0].restsMs).toBeLessThanOrEqual(5000);
  });

  it('is what an explanation says, too', async () => {
    const api = await startAdmin(store);
    await end(api, 'failed', 5);

    const { body } = await api.admin('GET', '/explain?route=deep');

    expect(body).toMatchObject({
      decision: 'queued',
      reason: 'breaker_open',
      accounts: [{ account: 'a1', verdict: 'breaker' }],
    });
  });
});

describe('POST /admin/breakers/reset', () => {
  it('brings back an account that was disabled', async () => {
    const api = await startAdmin(store);
    await end(api, 'unusable');
    const explained = await api.admin('GET', '/explain?route=deep');

    const { status, body } = await api.admin('POST', '/breakers/reset', { account: 'a1' });

    expect(explained.body).toMatchObject({ reason: 'no_account_for_model' });
    expect([status, body]).toEqual([200, { account: 'a1' }]);
    expect((await api.scheduler.tryAcquire({ targets: TARGETS })).kind).toBe('granted');
  });

  it('closes the breaker of one model', async () => {
    const api = await startAdmin(store);
    await end(api, 'failed', 5);

    const { status } = await api.admin('POST', '/breakers/reset', {
      account: 'a1',
      model: 'gpt-4',
    });

    expect(status).toBe(200);
    expect((await api.scheduler.tryAcquire({ targets: TARGETS })).kind).toBe('granted');
  });

  it.each([
    [{ account: 'nobody' }, 404, 'account_not_found'],
    [{ account: 'a1', model: 'nothing' }, 404, 'account_not_found'],
    [{ account: 'a 1' }, 400, 'invalid_params'],
    [{}, 400, 'invalid_params'],
  ])('of %j is refused', async (wish, status, code) => {
    const api = await startAdmin(store);

    const refused = await api.admin('POST', '/breakers/reset', wish);

    expect(refused.status).toBe(status);
    expect(refused.body).toMatchObject({ error: { code } });
  });
});
