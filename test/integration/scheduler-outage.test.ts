// @module-tag redis_required
// The link to the store fails: callers hear so in time, and what was taken comes back.
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { anAccount } from '../support/heart.ts';
import { RedisProxy } from '../support/redis-proxy.ts';
import { useRedis } from '../support/redis.ts';
import type { SchedulerWish } from '../support/schedulers.ts';
import { TARGETS, aScheduler, inFlight, untilTick } from '../support/schedulers.ts';

const store = useRedis();
const TIMEOUT_MS = 300;
let proxy: RedisProxy;

beforeEach(async () => {
  proxy = await RedisProxy.start(store.url);
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
});

/** A scheduler whose every word goes through the proxy, with short timeouts. */
async function behindTheProxy(wish: Partial<SchedulerWish> = {}) {
  const cell = store.cell();
  const redis = await connectRedis(proxy.url, { timeoutMs: TIMEOUT_MS, name: 'proxied' });
  const accounts = [anAccount({ slots: 5 })];
  const scheduler = await aScheduler({ redis, cell, timeoutMs: TIMEOUT_MS, ...wish }, accounts);
  return { scheduler, redis, cell, count: () => inFlight(store.redis, cell) };
}

/** How long it takes until `work` is refused with `store_unavailable`. */
async function timeToRefusal(work: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await expect(work).rejects.toMatchObject({ code: 'store_unavailable', retryAfterMs: 1000 });
  return performance.now() - began;
}

/** The link works again and the scheduler has noticed. */
async function heal(scheduler: Scheduler): Promise<void> {
  const ticked = once(scheduler.events, 'tick');
  proxy.set('open');
  await ticked;
}

describe('a store that cannot be reached', () => {
  it.each(['hole', 'mute', 'closed'] as const)(
    'refuses acquires within its time: %s',
    async (state) => {
      const { scheduler, redis } = await behindTheProxy();
      proxy.set(state);

      const times = await Promise.all(
        Array.from({ length: 300 }, () => timeToRefusal(scheduler.acquire({ targets: TARGETS }))),
      );

      expect(Math.max(...times)).toBeLessThan(2 * TIMEOUT_MS + 300);
      redis.disconnect();
    },
  );

  it('refuses late callers in their own time as well', async () => {
    const { scheduler, redis } = await behindTheProxy({ maxCallsInFlight: 1 });
    proxy.set('hole');

    const early = timeToRefusal(scheduler.acquire({ targets: TARGETS }));
    await new Promise((resolve) => setImmediate(resolve));
    const late = timeToRefusal(scheduler.acquire({ targets: TARGETS }));

    expect(await early).toBeLessThan(2 * TIMEOUT_MS + 300);
    expect(await late).toBeLessThan(2 * TIMEOUT_MS + 300);
    redis.disconnect();
  });

  it('tells so by an event and by ping, and serves again when it is back', async () => {
    const { scheduler, redis } = await behindTheProxy();
    const told = once(scheduler.events, 'storeError');
    proxy.set('closed');

    const refused = timeToRefusal(scheduler.ping());
    await Promise.all([told, refused]);
    await heal(scheduler);
    const lease = await scheduler.acquire({ targets: TARGETS });

    expect(lease.account).toBe('a1');
    await scheduler.stop();
    redis.disconnect();
  });
});

describe('a release that the store does not confirm', () => {
  it.each(['hole', 'mute', 'closed'] as const)(
    'rejects, tells, and goes on in the background until it is done: %s',
    async (state) => {
      const { scheduler, redis, count } = await behindTheProxy();
      const lease = await scheduler.acquire({ targets: TARGETS });
      const failed = once(scheduler.events, 'releaseFailed');
      proxy.set(state);

      await timeToRefusal(lease.release());
      const [told] = (await failed) as [{ requestId: string; account: string }];
      await heal(scheduler);
      await untilTick(scheduler, async () => (await count()) === 0);

      expect(told).toMatchObject({ requestId: lease.requestId, account: 'a1' });
      expect(scheduler.held()).toBe(0);
      redis.disconnect();
    },
  );

  it('never frees a slot that it had freed already, heard or not', async () => {
    const { scheduler, redis, count } = await behindTheProxy();
    const lease = await scheduler.acquire({ targets: TARGETS });
    proxy.set('mute');
    await timeToRefusal(lease.release());
    const freed = await count();

    await heal(scheduler);
    await Promise.all([1, 2, 3].map(() => scheduler.acquire({ targets: TARGETS })));
    await untilTick(scheduler, () => true);
    for (let i = 0; i < 5; i += 1) await once(scheduler.events, 'tick');

    expect(freed).toBe(0);
    expect(await count()).toBe(3);
    await scheduler.stop();
    redis.disconnect();
  });

  it('leaves withSlot’s result alone', async () => {
    const { scheduler, redis, count } = await behindTheProxy();

    const result = await scheduler.withSlot({ targets: TARGETS }, () => {
      proxy.set('hole');
      return Promise.resolve('done');
    });
    await heal(scheduler);
    await untilTick(scheduler, async () => (await count()) === 0);

    expect(result).toBe('done');
    redis.disconnect();
  });
});

describe('an acquire whose answer is lost', () => {
  it('leaves no slot behind, long before the lease would expire', async () => {
    const { scheduler, redis, count } = await behindTheProxy({ leaseMs: 60_000 });
    proxy.set('mute');

    await timeToRefusal(scheduler.acquire({ targets: TARGETS }));
    const taken = await count();
    await heal(scheduler);
    await untilTick(scheduler, async () => (await count()) === 0);

    expect(taken).toBe(1);
    expect(scheduler.held()).toBe(0);
    redis.disconnect();
  });

  it('is the same lease when its caller asks again by its id', async () => {
    const { scheduler, redis, count } = await behindTheProxy();
    const request = { targets: TARGETS, requestId: 'mine' };
    proxy.set('mute');

    await timeToRefusal(scheduler.acquire(request));
    await heal(scheduler);
    const lease = await scheduler.acquire(request);

    expect(lease.replayed).toBe(true);
    expect(await count()).toBe(1);
    await scheduler.stop();
    redis.disconnect();
  });

  it('is answered from the kept reply when the link comes back within its time', async () => {
    const { scheduler, redis, count } = await behindTheProxy({ timeoutMs: 5000 });
    proxy.set('mute');

    const lease = scheduler.acquire({ targets: TARGETS });
    await untilServed(store.redis, count);
    proxy.set('open');

    expect(await lease).toMatchObject({ account: 'a1', replayed: false });
    expect(await count()).toBe(1);
    await scheduler.stop();
    redis.disconnect();
  });
});

describe('a link that is cut again and again', () => {
  it('loses and doubles no slot', async () => {
    const { scheduler, redis, count } = await behindTheProxy({ timeoutMs: 3000 });
    let served = 0;
    const work = async (): Promise<void> => {
      for (let i = 0; i < 60; i += 1) {
        await scheduler
          .withSlot({ targets: TARGETS }, async () => {
            served += 1;
          })
          .catch(() => undefined);
      }
    };

    const all = Promise.all(Array.from({ length: 5 }, work));
    for (let i = 0; i < 8; i += 1) {
      await once(scheduler.events, 'tick');
      proxy.cut();
    }
    await all;
    await untilTick(scheduler, async () => (await count()) === 0);

    expect(served).toBeGreaterThan(100);
    expect(scheduler.held()).toBe(0);
    redis.disconnect();
  });
});

describe('a lease whose link is gone', () => {
  it('is given up before the store gives it to another', async () => {
    const { scheduler, redis } = await behindTheProxy({ leaseMs: 600 });
    const lease = await scheduler.acquire({ targets: TARGETS });
    const began = performance.now();
    proxy.set('hole');

    await once(lease.signal, 'abort');

    expect(performance.now() - began).toBeLessThan(600);
    expect(lease.signal.reason).toMatchObject({ code: 'lease_lost' });
    redis.disconnect();
  });
});

describe('a waiter whose grant was lost on its way', () => {
  it('hears so when it can ask again, and not that its own id is used', async () => {
    const { scheduler, redis, cell, count } = await behindTheProxy({ leaseMs: 400 });
    const survivor = await aScheduler({ redis: store.redis, cell }, [anAccount({ slots: 5 })]);
    const asked = Array.from({ length: 5 }, () => scheduler.acquire({ targets: TARGETS }));
    const [lease] = await Promise.all(asked);
    const queued = once(scheduler.events, 'queued');
    const waiting = scheduler.acquire({ targets: TARGETS, waitMs: 20_000 });
    const answer = waiting.catch((error: unknown) => error);
    await queued;

    proxy.set('mute');
    lease!.release().catch(() => undefined);
    // Granted in the release's own tick; then the daemon is cut off until that has expired.
    while ((await store.redis.hget(cellKeys(cell).cell, 'waiting')) !== '0') await count();
    proxy.set('hole');
    await untilTick(survivor, async () => (await count()) === 0);
    proxy.set('open');

    expect(await answer).toMatchObject({ code: 'lease_lost', retryAfterMs: 1000 });
    redis.disconnect();
  });
});

/** Looks at the store, one round trip after another, until the muted acquire has reached it. */
async function untilServed(
  redis: { ping(): Promise<unknown> },
  count: () => Promise<number>,
): Promise<void> {
  while ((await count()) === 0) await redis.ping();
}
