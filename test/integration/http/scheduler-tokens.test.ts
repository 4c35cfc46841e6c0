// @module-tag redis_required
// Leases that their holders renew over HTTP, in a store that has lost its data: the token brings
// them back before anything is granted.
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../../src/redis/keys.ts';
import { eventually } from '../../support/eventually.ts';
import { useRedis } from '../../support/redis.ts';
import { caller, startSchedulerApi } from '../../support/scheduler-api.ts';

const store = useRedis();
const ROUTE = { route: 'deep' };
const RECOVERY = { file: { scheduler: { cell: '', recoveryMs: 400, leaseMs: 30_000 } } };

async function anApi(cell = store.cell()) {
  const scheduler = { ...RECOVERY.file.scheduler, cell };
  const api = await startSchedulerApi(store, { cell, slots: 1, file: { scheduler } });
  return { ...api, call: caller(api.url) };
}

/** Forgets everything of one cell, as FLUSHALL would of all. */
async function forget(redis: Redis, cell: string): Promise<void> {
  await redis.del(await redis.keys(`*{${cell}}*`));
}

describe('a lease whose record is lost', () => {
  it('lives on by its token, and its slot is nobody else’s', async () => {
    const { cell, call, inFlight } = await anApi();
    const taken = await call('POST', '/scheduler/slots', { requestId: 'job-1', ...ROUTE });
    const { fence, leaseToken } = taken.body;

    await forget(store.redis, cell);
    await call('POST', '/scheduler/slots', ROUTE);
    const renewed = await call('POST', '/scheduler/slots/job-1/renew', { fence, leaseToken });
    const other = await eventually(async () => {
      const answer = await call('POST', '/scheduler/slots', ROUTE);
      expect(answer.body.error).toMatchObject({ code: 'pool_full' });
      return answer;
    });
    const released = await call('DELETE', '/scheduler/slots/job-1', { fence });

    expect(renewed.status).toBe(200);
    expect(other.status).toBe(429);
    expect(released.body).toEqual({ result: 'released' });
    expect(await inFlight()).toBe(0);
  });

  it('is brought back by any daemon: the secret is the cell’s', async () => {
    const here = await anApi();
    const there = await anApi(here.cell);
    const taken = await here.call('POST', '/scheduler/slots', { requestId: 'job-1', ...ROUTE });
    const { fence, leaseToken } = taken.body;

    await forget(store.redis, here.cell);
    await there.call('POST', '/scheduler/slots', ROUTE);
    const renewed = await there.call('POST', '/scheduler/slots/job-1/renew', { fence, leaseToken });

    expect(renewed.status).toBe(200);
    expect(await here.inFlight()).toBe(1);
  });

  it.each([
    ['without its token', () => undefined],
    ['with a token that nobody has signed', (token: string) => `${token.slice(0, -3)}AAA`],
  ])('is lost %s', async (_, change) => {
    const { cell, call, inFlight } = await anApi();
    const taken = await call('POST', '/scheduler/slots', { requestId: 'job-1', ...ROUTE });
    const leaseToken = change(String(taken.body['leaseToken']));

    await forget(store.redis, cell);
    await call('POST', '/scheduler/slots', ROUTE);
    const body = { fence: taken.body['fence'], leaseToken };
    const renewed = await call('POST', '/scheduler/slots/job-1/renew', body);

    expect(renewed.body.error).toMatchObject({ code: 'lease_not_found' });
    expect(await inFlight()).toBe(0);
  });

  it('is lost once the token’s lease has expired', async () => {
    const { cell, call } = await anApi();
    const body = { requestId: 'job-1', leaseMs: 100, ...ROUTE };
    const taken = await call('POST', '/scheduler/slots', body);
    const { fence, leaseToken, expiresAtMs } = taken.body;
    await eventually(async () => {
      const [seconds, micros] = await store.redis.time();
      const nowMs = Number(seconds) * 1000 + Number(micros) / 1000;
      expect(nowMs).toBeGreaterThan(Number(expiresAtMs));
    });

    await forget(store.redis, cell);
    await call('POST', '/scheduler/slots', ROUTE);
    const renewed = await call('POST', '/scheduler/slots/job-1/renew', { fence, leaseToken });

    expect(renewed.body.error).toMatchObject({ code: 'lease_not_found' });
  });
});

describe('a lane alone whose record is lost', () => {
  const take = async (leaseMs: number) => {
    const { cell, call } = await anApi();
    const body = { requestId: 'one', session: 's', leaseMs };
    const taken = await call('POST', '/scheduler/lanes', body);
    const { fence, leaseToken, expiresAtMs } = taken.body;
    return { cell, call, shown: { fence, leaseToken }, expiresAtMs: Number(expiresAtMs) };
  };

  it('lives on by its token, and the lane is nobody else’s', async () => {
    const { cell, call, shown } = await take(30_000);

    await forget(store.redis, cell);
    await call('POST', '/scheduler/lanes', { session: 's' });
    const renewed = await call('POST', '/scheduler/lanes/one/renew', shown);
    await eventually(async () => {
      const other = await call('POST', '/scheduler/lanes', { session: 's' });
      expect(other.body.error).toMatchObject({ code: 'lane_busy' });
    });
    const free = await call('POST', '/scheduler/lanes', { session: 'another' });
    const released = await call('DELETE', '/scheduler/lanes/one', { fence: shown.fence });
    const next = await call('POST', '/scheduler/lanes', { session: 's' });

    expect([renewed.status, free.status]).toEqual([200, 201]);
    expect(renewed.body['leaseToken']).toEqual(expect.any(String));
    expect(released.body).toEqual({ result: 'released' });
    expect(next.status).toBe(201);
  });

  it('is lost without its token, and once the token’s lease has expired', async () => {
    const { cell, call, shown, expiresAtMs } = await take(100);
    await eventually(async () => {
      const [seconds, micros] = await store.redis.time();
      expect(Number(seconds) * 1000 + Number(micros) / 1000).toBeGreaterThan(expiresAtMs);
    });

    await forget(store.redis, cell);
    await call('POST', '/scheduler/lanes', { session: 's' });
    const renewed = await call('POST', '/scheduler/lanes/one/renew', shown);
    const bare = await call('POST', '/scheduler/lanes/one/renew', { fence: shown.fence });

    for (const { body } of [renewed, bare]) {
      expect(body.error).toMatchObject({ code: 'lease_not_found' });
    }
  });
});

describe('a token', () => {
  it('is replaced by each renewal that shows it, so that it lasts as long as the lease', async () => {
    const { call } = await anApi();
    const taken = await call('POST', '/scheduler/slots', { requestId: 'job-1', ...ROUTE });
    const { fence, leaseToken } = taken.body;

    const body = { fence, leaseToken, leaseMs: 60_000 };
    const renewed = await call('POST', '/scheduler/slots/job-1/renew', body);

    expect(renewed.body['leaseToken']).toEqual(expect.any(String));
    expect(renewed.body['leaseToken']).not.toBe(leaseToken);
  });

  it('of another lease is refused', async () => {
    const { call } = await anApi();
    const taken = await call('POST', '/scheduler/slots', { requestId: 'job-1', ...ROUTE });
    const { fence, leaseToken } = taken.body;

    const renewed = await call('POST', '/scheduler/slots/job-2/renew', { fence, leaseToken });

    expect(renewed.status).toBe(400);
    expect(renewed.body.error).toMatchObject({ code: 'invalid_params', param: 'leaseToken' });
  });

  it('brings nothing back that has ended: a released slot stays free', async () => {
    const { call, inFlight } = await anApi();
    const taken = await call('POST', '/scheduler/slots', { requestId: 'job-1', ...ROUTE });
    const { fence, leaseToken } = taken.body;
    await call('DELETE', '/scheduler/slots/job-1', { fence });

    const renewed = await call('POST', '/scheduler/slots/job-1/renew', { fence, leaseToken });

    expect(renewed.body.error).toMatchObject({ code: 'lease_not_found' });
    expect(await inFlight()).toBe(0);
  });

  it('is not what the secret is: no answer and no log line holds that', async () => {
    const { cell, call, logged } = await anApi();
    const secret = await store.redis.hget(cellKeys(cell).cell, 'token_secret');

    const taken = await call('POST', '/scheduler/slots', ROUTE);

    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify(taken.body) + logged()).not.toContain(secret);
  });
});
