// @module-tag redis_required
// Tenants on the Scheduler API: what they may use, and whose leases are whose.
import { describe, expect, it } from 'vitest';
import { startAdmin } from '../../support/admin-api.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const CONFIGURED_KEY = 'configured-key-0123456789';

describe('what a tenant may not use', () => {
  const file = {
    pools: Object.fromEntries(
      ['openai', 'other'].map((pool) => [
        pool,
        {
          baseUrl: 'http://127.0.0.1:9/v1',
          models: ['gpt-4', 'gpt-5'],
          accounts: [{ name: `a-${pool}`, maxConcurrency: 5 }],
        },
      ]),
    ),
    tenants: { acme: { routes: ['deep'], providers: ['openai'], keys: [CONFIGURED_KEY] } },
  };

  it.each([
    ['a route', { route: 'gpt-5' }],
    ['a route that is not there', { route: 'nothing' }],
    ['a target behind no route of its own', { targets: [{ pool: 'openai', model: 'gpt-5' }] }],
    ['a pool', { targets: [{ pool: 'other', model: 'gpt-4' }] }],
    ['a pool that is not there', { targets: [{ pool: 'nowhere', model: 'gpt-4' }] }],
  ])('looks as what is not there: %s', async (_what, body) => {
    const { slot } = await startAdmin(store, { file });

    const answer = await slot(CONFIGURED_KEY, body);

    expect([answer.status, answer.body.error?.['code']]).toEqual([404, 'model_not_found']);
  });

  it('hides nothing of what it may use', async () => {
    const { slot } = await startAdmin(store, { file });

    const byRoute = await slot(CONFIGURED_KEY, { route: 'deep' });
    const byTarget = await slot(CONFIGURED_KEY, { targets: [{ pool: 'openai', model: 'gpt-4' }] });

    expect([byRoute.status, byTarget.status]).toEqual([201, 201]);
  });

  it('includes the leases of others: ids belong to their tenant', async () => {
    const other = 'other-key-0123456789';
    const tenants = { acme: { keys: [CONFIGURED_KEY] }, beta: { keys: [other] } };
    const { slot, call, inFlight } = await startAdmin(store, { slots: 5, file: { tenants } });
    const body = { route: 'deep', requestId: 'job-1' };

    const mine = await slot(CONFIGURED_KEY, body);
    const theirs = await slot(other, body);
    const fence = String(mine.body['fence']);
    const stolen = await call('DELETE', `/scheduler/slots/job-1?fence=${fence}`, undefined, {
      'x-api-key': other,
    });
    const renewed = await call(
      'POST',
      '/scheduler/slots/job-1/renew',
      { fence: Number(fence) },
      { 'x-api-key': other },
    );

    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.body['fence']).not.toBe(mine.body['fence']);
    expect([stolen.body['result'], renewed.status]).toEqual(['already', 404]);
    expect(await inFlight()).toBe(2);
  });

  it('does not include its own: its leases are renewed, released and cancelled by their ids', async () => {
    const tenants = { acme: { keys: [CONFIGURED_KEY] } };
    const { slot, call, inFlight } = await startAdmin(store, { file: { tenants } });
    const as = { 'x-api-key': CONFIGURED_KEY };
    const first = await slot(CONFIGURED_KEY, { route: 'deep', requestId: 'job-1' });
    await slot(CONFIGURED_KEY, { route: 'deep', requestId: 'job-2' });
    const { fence } = first.body;

    const renewed = await call('POST', '/scheduler/slots/job-1/renew', { fence }, as);
    const released = await call('DELETE', '/scheduler/slots/job-1', { fence }, as);
    const cancelled = await call('DELETE', '/scheduler/slots/job-2', undefined, as);

    expect(renewed.status).toBe(200);
    expect([released.body['result'], cancelled.body['result']]).toEqual([
      'released',
      'was_granted',
    ]);
    expect(await inFlight()).toBe(0);
  });
});
