// @module-tag redis_required
// Failover through the Scheduler API: moving at once and after a wait, by any daemon, repeated, refused;
// and what an outcome says of its account.
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../../src/redis/keys.ts';
import { audit } from '../../../src/scheduler/inspect.ts';
import { readHealthReport } from '../../../src/scheduler/health.ts';
import { SlotkeeperClient } from '../../../src/client/index.ts';
import { eventually } from '../../support/eventually.ts';
import { leasesIn } from '../../support/queue-state.ts';
import { useRedis } from '../../support/redis.ts';
import { caller, startSchedulerApi } from '../../support/scheduler-api.ts';

const store = useRedis();
const ACCOUNTS = ['a1', 'a2'].map((name) => ({ name, maxConcurrency: 1 }));
const POOL = { baseUrl: 'http://127.0.0.1:9/v1', models: ['gpt-4', 'o3'], accounts: ACCOUNTS };
const TARGETS = [{ pool: 'openai', model: 'gpt-4' }];
const ROUTES = {
  deep: { targets: TARGETS },
  other: { targets: [{ pool: 'openai', model: 'o3' }] },
};
const FAILED = { outcome: 'failed', route: 'deep' } as const;

/** Two daemons on one cell, and what each calls. */
async function twoDaemons(more: object = {}) {
  const file = { pools: { openai: { ...POOL, ...more } }, routes: ROUTES };
  const here = await startSchedulerApi(store, { file });
  const there = await startSchedulerApi(store, { file, cell: here.cell });
  const [call, other] = [caller(here.url), caller(there.url)];
  const take = async (requestId: string): Promise<Record<string, unknown>> =>
    (await call('POST', '/scheduler/slots', { requestId, route: 'deep' })).body;
  const inFlight = () => store.redis.hgetall(cellKeys(here.cell).inflight);
  return { here, there, call, other, take, inFlight };
}

describe('moving a slot', () => {
  it('answers with the other account, the next fence and the next token', async () => {
    const { call, take, inFlight } = await twoDaemons();
    const slot = await take('job');
    const { fence, leaseToken } = slot;

    const answer = await call('POST', '/scheduler/slots/job/move', {
      ...FAILED,
      fence,
      leaseToken,
    });

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      requestId: 'job',
      account: 'a2',
      pool: 'openai',
      model: 'gpt-4',
      fence: expect.any(Number) as number,
      expiresAtMs: expect.any(Number) as number,
      leaseMs: 30_000,
      leaseToken: expect.stringMatching(/^[\w-]+\.[\w-]+$/) as string,
    });
    expect(answer.body['fence']).toBeGreaterThan(fence as number);
    expect(answer.body['leaseToken']).not.toBe(leaseToken);
    expect(await inFlight()).toMatchObject({ a1: '0', a2: '1' });
  });

  it('asked again is the same move, at any daemon; the new fence gives it back', async () => {
    const { call, other, take, here } = await twoDaemons();
    const { fence } = await take('job');
    const body = { ...FAILED, fence };
    const first = await call('POST', '/scheduler/slots/job/move', body);

    const again = await other('POST', '/scheduler/slots/job/move', body);
    const released = await other(
      'DELETE',
      `/scheduler/slots/job?fence=${Number(again.body['fence'])}`,
    );

    expect(again.body).toMatchObject({ account: 'a2', fence: first.body['fence'] });
    expect(released.body).toEqual({ result: 'released' });
    expect(await here.inFlight()).toBe(0);
  });

  it('waits for an account that another daemon frees, renewed by its holder meanwhile', async () => {
    const { call, other, take, here, inFlight } = await twoDaemons();
    const { fence } = await take('job');
    const busy = await take('busy');
    const moving = call('POST', '/scheduler/slots/job/move', { ...FAILED, fence, waitMs: 20_000 });
    await eventually(() => expect(here.scheduler.waiting()).toBe(1));

    const meanwhile = await inFlight();
    const renewed = await other('POST', '/scheduler/slots/job/renew', { fence });
    await other('DELETE', `/scheduler/slots/busy?fence=${Number(busy['fence'])}`);
    const answer = await moving;

    expect(meanwhile).toMatchObject({ a1: '0', a2: '1' });
    expect(renewed.status).toBe(200);
    expect(answer).toMatchObject({ status: 200, body: { account: 'a2' } });
    await call('DELETE', `/scheduler/slots/job?fence=${Number(answer.body['fence'])}`);
    expect(await inFlight()).toMatchObject({ a1: '0', a2: '0' });
  });

  it('whose caller leaves keeps its place: who asks again finds where it has led', async () => {
    const { here, other, take, call } = await twoDaemons();
    const { fence } = await take('job');
    const busy = await take('busy');
    const body = { ...FAILED, fence, waitMs: 20_000 };
    const leave = new AbortController();
    const left = fetch(`${here.url}/scheduler/slots/job/move`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: leave.signal,
    }).catch(() => undefined);
    await eventually(() => expect(here.scheduler.waiting()).toBe(1));
    leave.abort();
    await left;

    await call('DELETE', `/scheduler/slots/busy?fence=${Number(busy['fence'])}`);
    const answer = await other('POST', '/scheduler/slots/job/move', body);

    expect(answer).toMatchObject({ status: 200, body: { account: 'a2' } });
  });

  it('is refused with the reason where none is free, at once or in time', async () => {
    const { call, take, here } = await twoDaemons();
    const { fence } = await take('job');
    await take('busy');
    const path = '/scheduler/slots/job/move';

    const atOnce = await call('POST', path, { ...FAILED, fence });
    const inVain = await call('POST', path, { ...FAILED, fence, exclude: ['a2'], waitMs: 9000 });
    const tooLate = await call('POST', path, { ...FAILED, fence, waitMs: 50 });
    const released = await call('DELETE', `/scheduler/slots/job?fence=${fence as number}`);

    expect(atOnce).toMatchObject({ status: 429, body: { error: { code: 'pool_full' } } });
    expect(inVain).toMatchObject({
      status: 503,
      body: { error: { code: 'no_account_for_model' } },
    });
    expect(tooLate).toMatchObject({ status: 429, body: { error: { code: 'queue_timeout' } } });
    expect(tooLate.headers.get('retry-after')).not.toBeNull();
    expect(released.body).toEqual({ result: 'released' });
    expect(await leasesIn({ redis: store.redis, cell: here.cell })).toBe(1);
    const report = await audit({ redis: store.redis, cell: here.cell, keyStyle: 'plain' });
    expect(report.differences).toEqual([]);
  });

  it('of a slot that is not held with this fence is 404', async () => {
    const { call, take } = await twoDaemons();
    const { fence } = await take('job');

    const answers = [
      await call('POST', '/scheduler/slots/job/move', { ...FAILED, fence: (fence as number) + 1 }),
      await call('POST', '/scheduler/slots/none/move', { ...FAILED, fence }),
    ];

    expect(answers.map(({ status, body }) => [status, body.error?.['code']])).toEqual([
      [404, 'lease_not_found'],
      [404, 'lease_not_found'],
    ]);
  });

  it.each([
    ['no outcome', { outcome: undefined }, 'outcome'],
    ['no fence', { fence: undefined }, 'fence'],
    ['neither route nor targets', { route: undefined }, 'targets'],
    ['a route and targets', { targets: TARGETS }, 'targets'],
    ['too many accounts to exclude', { exclude: Array.from({ length: 17 }, () => 'a') }, 'exclude'],
    ['an account that has a space', { exclude: ['a b'] }, 'exclude.0'],
    ['a wait beyond an hour', { waitMs: 3_600_001 }, 'waitMs'],
    ['an unknown word', { hold: true }, undefined],
  ])('with %s is the caller’s mistake, and moves nothing', async (_, wish, param) => {
    const { call, take, inFlight } = await twoDaemons();
    const { fence } = await take('job');

    const answer = await call('POST', '/scheduler/slots/job/move', { ...FAILED, fence, ...wish });

    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_params' } } });
    if (param !== undefined) expect(answer.body.error?.['param']).toBe(param);
    expect(await inFlight()).toMatchObject({ a1: '1', a2: '0' });
  });

  it('by the TypeScript client is one call', async () => {
    const { here, inFlight } = await twoDaemons();
    const client = new SlotkeeperClient({ baseUrl: here.url });
    const slot = await client.acquire({ route: 'deep' });

    const moved = await client.move(slot, { outcome: 'overloaded', route: 'deep', waitMs: 100 });
    const result = await client.release(moved);

    expect(moved).toMatchObject({ requestId: slot.requestId, account: 'a2' });
    expect(result).toBe('released');
    expect(await inFlight()).toMatchObject({ a1: '0', a2: '0' });
  });
});

describe('the outcome of a release', () => {
  it('may leave the breaker alone, and limit one model alone', async () => {
    const { here, take, call } = await twoDaemons({ breaker: { consecutiveFailures: 1 } });
    const health = async () =>
      (await readHealthReport({ redis: store.redis, keys: cellKeys(here.cell) }, { most: 1 }))
        .accounts;
    const release = async (id: string, told: string): Promise<void> => {
      const { fence } = await take(id);
      await call('DELETE', `/scheduler/slots/${id}?fence=${fence as number}&${told}`);
    };

    await release('j1', 'outcome=failed&countsForBreaker=false');
    const spared = await health();
    await release('j2', 'outcome=rate_limited&retryAfterMs=60000&scope=model');
    const other = await call('POST', '/scheduler/slots', { requestId: 'j3', route: 'other' });
    const limited = await health();

    expect(spared).toEqual([]);
    expect(limited).toHaveLength(1);
    expect(other.status).toBe(201);
    expect(JSON.stringify(limited)).toContain('gpt-4');
  });
});
