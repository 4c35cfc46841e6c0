// @module-tag redis_required
// The Scheduler API as a proxy in another language uses it: over HTTP, on a real store.
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { useRedis } from '../../support/redis.ts';
import { caller, startSchedulerApi, TEST_API_KEY } from '../../support/scheduler-api.ts';

const store = useRedis();
const TARGETS = [{ pool: 'openai', model: 'gpt-4' }];

describe('taking a slot', () => {
  it('answers 201 with the account, the fence and the expiry', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);

    const answer = await call('POST', '/scheduler/slots', { requestId: 'job-1', route: 'deep' });

    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      requestId: 'job-1',
      account: 'a1',
      pool: 'openai',
      model: 'gpt-4',
      fence: expect.any(Number) as number,
      expiresAtMs: expect.any(Number) as number,
      leaseMs: 30_000,
      leaseToken: expect.stringMatching(/^[\w-]+\.[\w-]+$/) as string,
      replayed: false,
    });
    expect(await api.inFlight()).toBe(1);
  });

  it('makes an id where the caller gives none', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);

    const first = await call('POST', '/scheduler/slots', { targets: TARGETS });
    const second = await call('POST', '/scheduler/slots', { targets: TARGETS });

    expect(first.body['requestId']).not.toBe(second.body['requestId']);
    expect(await api.inFlight()).toBe(2);
  });

  it('gives a repeat of an id the same lease, also at another daemon', async () => {
    const here = await startSchedulerApi(store);
    const there = await startSchedulerApi(store, { cell: here.cell });
    const body = { requestId: 'job-1', targets: TARGETS };

    const first = await caller(here.url)('POST', '/scheduler/slots', body);
    const repeat = await caller(there.url)('POST', '/scheduler/slots', body);

    expect([first.status, repeat.status]).toEqual([201, 200]);
    expect(repeat.body).toMatchObject({ replayed: true, fence: first.body['fence'] });
    expect(await here.inFlight()).toBe(1);
  });

  it('refuses an id that is used for something else with 409', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);
    await call('POST', '/scheduler/slots', { requestId: 'job-1', targets: TARGETS });

    const answer = await call('POST', '/scheduler/slots', {
      requestId: 'job-1',
      targets: TARGETS,
      leaseMs: 1000,
    });

    expect(answer.status).toBe(409);
    expect(answer.body.error).toMatchObject({ code: 'duplicate_request' });
  });

  it('gives another key of the same tenant the same lease: keys change, ids stay', async () => {
    const here = await startSchedulerApi(store, { apiKey: TEST_API_KEY });
    const there = await startSchedulerApi(store, { cell: here.cell, apiKey: `${TEST_API_KEY}-2` });
    const body = { requestId: 'job-1', targets: TARGETS };
    const as = (key: string) => ({ authorization: `Bearer ${key}` });

    const first = await caller(here.url)('POST', '/scheduler/slots', body, as(TEST_API_KEY));
    const other = await caller(there.url)(
      'POST',
      '/scheduler/slots',
      body,
      as(`${TEST_API_KEY}-2`),
    );

    expect([first.status, other.status]).toEqual([201, 200]);
    expect(other.body['fence']).toBe(first.body['fence']);
  });

  it('answers a full pool with 429, the reason and when to come back', async () => {
    const api = await startSchedulerApi(store, { slots: 1 });
    const call = caller(api.url);
    await call('POST', '/scheduler/slots', { route: 'deep' });

    const answer = await call('POST', '/scheduler/slots', { route: 'deep' });

    expect(answer.status).toBe(429);
    expect(answer.body.error).toMatchObject({ code: 'pool_full' });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(answer.headers.get('retry-after-ms'))).toBeGreaterThanOrEqual(1);
    expect(await api.inFlight()).toBe(1);
  });

  it('gives a slot back whose caller left without an id of its own', async () => {
    const api = await startSchedulerApi(store);
    const released = once(api.scheduler.events, 'released');
    const grant = api.scheduler.tryAcquire.bind(api.scheduler);
    api.scheduler.tryAcquire = async ({ signal, ...acquire }) => {
      request.destroy();
      await once(signal!, 'abort');
      return grant(acquire);
    };

    const request = httpRequest(`${api.url}/scheduler/slots`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    request.on('error', () => undefined);
    request.end(JSON.stringify({ route: 'deep' }));

    expect(await released).toMatchObject([{ outcome: 'ignored' }]);
    expect(await api.inFlight()).toBe(0);
  });
});

describe('renewing a slot', () => {
  it('moves its end', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);
    const slot = await call('POST', '/scheduler/slots', { requestId: 'job-1', route: 'deep' });

    const { fence } = slot.body;
    const answer = await call('POST', '/scheduler/slots/job-1/renew', { fence, leaseMs: 60_000 });

    expect(answer.status).toBe(200);
    const moved = Number(answer.body['expiresAtMs']) - Number(slot.body['expiresAtMs']);
    expect(moved).toBeGreaterThanOrEqual(30_000);
  });

  it.each([
    ['an unknown id', 'other', 0],
    ['another fence', 'job-1', 1],
  ])('answers 404 for %s', async (_what, id, fenceShift) => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);
    const slot = await call('POST', '/scheduler/slots', { requestId: 'job-1', route: 'deep' });

    const fence = Number(slot.body['fence']) + fenceShift;
    const answer = await call('POST', `/scheduler/slots/${id}/renew`, { fence });

    expect(answer.status).toBe(404);
    expect(answer.body.error).toMatchObject({ code: 'lease_not_found' });
  });
});

describe('giving a slot back', () => {
  it.each([
    ['in the body', (fence: number) => ['', { fence, outcome: 'failed' }] as const],
    ['in the query', (fence: number) => [`?fence=${fence}&outcome=failed`, undefined] as const],
  ])('frees it once, with fence and outcome %s', async (_where, parameters) => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);
    const slot = await call('POST', '/scheduler/slots', { requestId: 'job-1', route: 'deep' });

    const [query, body] = parameters(Number(slot.body['fence']));
    const first = await call('DELETE', `/scheduler/slots/job-1${query}`, body);
    const again = await call('DELETE', `/scheduler/slots/job-1${query}`, body);

    expect([first.status, first.body]).toEqual([200, { result: 'released' }]);
    expect([again.status, again.body]).toEqual([200, { result: 'already' }]);
    expect(await api.inFlight()).toBe(0);
  });

  it('never frees a slot of another fence', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);
    const slot = await call('POST', '/scheduler/slots', { requestId: 'job-1', route: 'deep' });

    const answer = await call('DELETE', '/scheduler/slots/job-1', {
      fence: Number(slot.body['fence']) + 1,
    });

    expect(answer.body).toEqual({ result: 'already' });
    expect(await api.inFlight()).toBe(1);
  });

  it('cancels without a fence: what was granted comes back, what is late is refused', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);
    await call('POST', '/scheduler/slots', { requestId: 'granted', route: 'deep' });

    const granted = await call('DELETE', '/scheduler/slots/granted');
    const unseen = await call('DELETE', '/scheduler/slots/unseen');
    const late = await call('POST', '/scheduler/slots', { requestId: 'unseen', route: 'deep' });

    expect(granted.body).toEqual({ result: 'was_granted' });
    expect(unseen.body).toEqual({ result: 'cancelled' });
    expect([late.status, late.body.error?.['code']]).toEqual([409, 'duplicate_request']);
    expect(await api.inFlight()).toBe(0);
  });

  it('takes every id that has a form in a URL', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);
    const id = 'a/b?c#d%2e;{x}:*\\..\\"e';

    const slot = await call('POST', '/scheduler/slots', { requestId: id, route: 'deep' });
    const answer = await call('DELETE', `/scheduler/slots/${encodeURIComponent(id)}`, {
      fence: slot.body['fence'],
    });

    expect(answer.body).toEqual({ result: 'released' });
    expect(await api.inFlight()).toBe(0);
  });
});
