// A request whose account has failed while all others are busy: it waits for one of them, as long as it
// may, and its client gets the failed answer only where none comes in time.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { audit } from '../../../src/scheduler/inspect.ts';
import { leasesIn, waitersIn } from '../../support/queue-state.ts';
import { eventually } from '../../support/eventually.ts';
import { answering } from '../../support/failing-upstreams.ts';
import type { TestGateway } from '../../support/gateway.ts';
import { errorOf, post } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aSickPool, failed, type SickPoolOptions } from '../../support/sick-pool.ts';
import { ANSWER, startUpstream } from '../../support/upstream.ts';

const store = useRedis();
const LONG = { headersTimeoutMs: 30_000, idleTimeoutMs: 30_000 };

/**
 * `sick` fails each request, `busy` has one that runs until it is let go; each has one slot. The
 * first account is the one that is tried first.
 */
async function aBusyPool(options: SickPoolOptions = {}) {
  let letGo = (): void => undefined;
  const sick = await startUpstream(answering(500));
  const busy = await startUpstream((_seen, res) => {
    const answer = (): void => {
      res.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
    };
    if (busy.seen.length > 1) answer();
    else letGo = answer;
  });
  const origins = { sick: sick.url, busy: busy.url };
  const proxy = await aSickPool(store, origins, {
    slots: 1,
    waitMs: 20_000,
    timeouts: {},
    pool: { timeouts: LONG },
    ...options,
  });
  // It fails on the first account, and holds the other one from then on.
  const running = post(proxy).then((response) => response.text());
  await eventually(() => expect(busy.seen).toHaveLength(1));
  return { proxy, sick, busy, running, letGo: () => letGo() };
}

const untilWaiting = (proxy: TestGateway, count = 1) =>
  eventually(() => expect(proxy.scheduler.waiting()).toBe(count));

async function expectOver({ proxy, running }: Awaited<ReturnType<typeof aBusyPool>>) {
  await running;
  await eventually(async () => {
    expect(proxy.gateway.running).toBe(0);
    expect(proxy.scheduler.held()).toBe(0);
    expect(await proxy.inFlight()).toBe(0);
  });
  const cell = { redis: store.redis, cell: proxy.cell };
  expect([await leasesIn(cell), await waitersIn(cell)]).toEqual([0, 0]);
  expect((await audit({ ...cell, keyStyle: 'plain' })).differences).toEqual([]);
}

describe('a request whose account failed while all others are busy', () => {
  it('waits for one of them, and its client sees nothing but the good answer', async () => {
    const pool = await aBusyPool();
    const pending = post(pool.proxy);
    await untilWaiting(pool.proxy);

    pool.letGo();
    const response = await pending;

    expect(response.status).toBe(200);
    expect(await response.text()).toBe(ANSWER);
    expect(response.headers.get('x-slotkeeper-attempts')).toBe('2');
    expect(Number(response.headers.get('x-slotkeeper-queue-ms'))).toBeGreaterThan(0);
    await expectOver(pool);
    expect(pool.proxy.finished.at(-1)).toMatchObject({
      account: 'busy',
      failed: [failed('sick', 'failed', '500')],
    });
  });

  it('holds no account meanwhile: others are served by the one that it has left', async () => {
    const pool = await aBusyPool();
    const pending = post(pool.proxy);
    await untilWaiting(pool.proxy);

    const other = post(pool.proxy);
    await untilWaiting(pool.proxy, 2);

    expect(pool.sick.seen).toHaveLength(3);
    expect(await pool.proxy.inFlight()).toBe(1);
    pool.letGo();
    expect((await Promise.all([pending, other])).map(({ status }) => status)).toEqual([200, 200]);
    await expectOver(pool);
  });

  it.each([
    ['it may wait itself', { waitMs: 60 }],
    ['attempts may begin', { more: { failover: { totalMs: 60 } } }],
  ])('gets the failed answer after as long as %s', async (_, options) => {
    const pool = await aBusyPool(options);

    const response = await post(pool.proxy);

    expect(response.status).toBe(500);
    expect(await errorOf(response)).toMatchObject({ message: 'the upstream says so' });
    expect(response.headers.get('x-slotkeeper-attempts')).toBe('1');
    pool.letGo();
    await expectOver(pool);
  });

  it('gets it at once where it may not wait', async () => {
    const pool = await aBusyPool();

    const response = await post(pool.proxy, {
      headers: { 'content-type': 'application/json', 'x-slotkeeper-wait-ms': '0' },
    });

    expect(response.status).toBe(500);
    expect(pool.proxy.scheduler.waiting()).toBe(0);
    pool.letGo();
    await expectOver(pool);
  });

  it('gives its place up when its client leaves', async () => {
    const pool = await aBusyPool();
    const leave = new AbortController();
    const pending = post(pool.proxy, { signal: leave.signal }).catch(() => undefined);
    await untilWaiting(pool.proxy);

    leave.abort();
    await pending;
    await untilWaiting(pool.proxy, 0);

    await eventually(() => expect(pool.proxy.finished).toHaveLength(1));
    expect(pool.proxy.finished[0]).toMatchObject({ status: 499, attempts: 1 });
    pool.letGo();
    await expectOver(pool);
    expect(pool.busy.seen).toHaveLength(1);
  });

  it('keeps a stream alive while it waits, and ends it with an error where none comes', async () => {
    const pool = await aBusyPool({ waitMs: 200, waitKeepAliveMs: 20 });

    const response = await post(pool.proxy, {
      body: '{"model":"gpt-4","messages":[],"stream":true}',
    });
    const text = await response.text();

    expect(response.status).toBe(200);
    expect(text).toMatch(/^: waiting for a slot\n\n/);
    expect(text).toMatch(/event: error\n/);
    pool.letGo();
    await expectOver(pool);
  });
});
