// @module-tag redis_required
// Redis is cut off from two daemons under load: a pool that is told so is served on, each daemon within
// its share, by the count of the upstream; streams that run are not cut; and when Redis is back
// everything is in its books again.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startDaemons, summed } from '../support/fleet-of-daemons.ts';
import { RedisProxy } from '../support/redis-proxy.ts';
import { useRedis } from '../support/redis.ts';
import { chats, expectAtRest, inFlight, keepChatting } from './crash-cell.ts';

const store = useRedis();
const [DAEMONS, LIMIT] = [2, 5];
const SHARE = 2;
/** How long Redis is away after both daemons have noticed. */
const AWAY_MS = 3000;

it('a pool is served by shares while Redis is away, and nothing is left behind', async () => {
  const cell = store.cell();
  const proxy = await RedisProxy.start(store.url);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  const { sim, daemons } = await startDaemons({
    count: DAEMONS,
    accounts: 1,
    slots: LIMIT,
    redis: { url: proxy.url, timeoutMs: 500 },
    scheduler: { cell, leaseMs: 3000, expectedDaemons: DAEMONS, onLostStore: { then: 'keep' } },
    pool: { whenStoreIsDown: 'local' },
  });
  const grants = (): Promise<number> => summed(daemons, 'slotkeeper_local_grants_total');
  const running = chats(daemons[0]!.url, 1, '[sim latency=7000]');
  const loads = daemons.map(({ url }) => keepChatting(url, LIMIT, '[sim latency=30]'));
  await eventually(async () => expect(await inFlight({ redis: store.redis, cell })).toBe(LIMIT));

  proxy.set('hole');
  await eventually(async () => expect(await grants()).toBeGreaterThan(10));
  // What had been granted before has ended, but for the one long request.
  sim.reset();
  await delay(AWAY_MS);
  const during = sim.snapshot();
  const ready = await Promise.all(daemons.map(({ url }) => fetch(`${url}/readyz`)));
  proxy.set('open');

  expect(during.credentials[0]!.highWater).toBeLessThanOrEqual(DAEMONS * SHARE);
  expect(during.credentials[0]!.total).toBeGreaterThan(20);
  expect(ready.map(({ status }) => status)).toEqual([200, 200]);
  await eventually(async () => {
    expect(await summed(daemons, 'slotkeeper_local_mode_seconds_total')).toBeGreaterThan(
      (DAEMONS * AWAY_MS) / 1000,
    );
  });
  expect(await running).toEqual([200]);
  const statuses = (await Promise.all(loads.map((load) => load.stop()))).flat();
  expect([200, 429, 503]).toEqual(expect.arrayContaining([...new Set(statuses)]));
  await eventually(() => expectAtRest({ redis: store.redis, cell }));
  expect(sim.snapshot()).toMatchObject({ inFlight: 0, oversold: 0, aborted: 0 });
  expect(await summed(daemons, 'slotkeeper_leases_lost_total')).toBe(0);
});
