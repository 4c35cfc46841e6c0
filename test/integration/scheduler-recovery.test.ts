// @module-tag redis_required
// The store forgets its functions, its data or its life while requests are running.
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { audit } from '../../src/scheduler/inspect.ts';
import type { Lease } from '../../src/scheduler/lease.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { anAccount } from '../support/heart.ts';
import { anOwnServer } from '../support/own-server.ts';
import { useRedis } from '../support/redis.ts';
import {
  Oracle,
  TARGETS,
  aScheduler,
  inFlight,
  runLoad,
  untilTick,
} from '../support/schedulers.ts';

const store = useRedis();

/** Calls `disturb` after every few ticks of `scheduler` until `work` is done. */
async function disturbing<T>(
  scheduler: Scheduler,
  work: Promise<T>,
  disturb: () => Promise<unknown>,
): Promise<{ readonly result: T; readonly times: number }> {
  const state = { isDone: false };
  let times = 0;
  void work.finally(() => (state.isDone = true));
  while (!state.isDone) {
    for (let i = 0; i < 5; i += 1) await once(scheduler.events, 'tick');
    await disturb();
    times += 1;
  }
  return { result: await work, times };
}

describe.each([
  ['FUNCTION FLUSH', (redis: Redis) => redis.call('FUNCTION', ['FLUSH'])],
  ['SCRIPT FLUSH', (redis: Redis) => redis.call('SCRIPT', ['FLUSH'])],
  [
    'CLIENT KILL',
    (redis: Redis) => redis.call('CLIENT', ['KILL', 'TYPE', 'normal', 'SKIPME', 'yes']),
  ],
])('%s in mid-load', (_, flush) => {
  it('is seen by nobody', async () => {
    const cell = store.cell();
    const scheduler = await aScheduler({ redis: await store.connect(), cell, timeoutMs: 10_000 });
    const oracle = new Oracle();

    const load = runLoad([scheduler], oracle, { workers: 20, requests: 2000 });
    const { result, times } = await disturbing(scheduler, load, () => flush(store.redis));

    expect(Object.keys(result.refused)).toEqual(['pool_full']);
    expect(times).toBeGreaterThan(3);
    expect(oracle.highest).toEqual({ a1: 2 });
    await untilTick(scheduler, async () => (await inFlight(store.redis, cell)) === 0);
  });
});

/** Forgets everything of one cell, as FLUSHALL would of all. */
async function forget(redis: Redis, cell: string): Promise<void> {
  await redis.del(await redis.keys(`*{${cell}}*`));
}

describe('FLUSHALL', () => {
  it('loses no held lease: all are registered again, and nobody else gets their slots', async () => {
    const cell = store.cell();
    const wish = { cell, recoveryMs: 300, watchServer: false };
    const accounts = [anAccount({ name: 'a1', slots: 2 }), anAccount({ name: 'a2', slots: 3 })];
    const one = await aScheduler({ ...wish, redis: store.redis }, accounts);
    const two = await aScheduler({ ...wish, redis: await store.connect() }, accounts);
    const leases = await Promise.all(
      [one, two, one, two].map((scheduler) => scheduler.acquire({ targets: TARGETS })),
    );
    const overage: number[] = [];
    for (const { events } of [one, two]) events.on('overage', ({ slots }) => overage.push(slots));

    await forget(store.redis, cell);
    const during = await one.tryAcquire({ targets: TARGETS });
    await untilTick(two, async () => (await inFlight(store.redis, cell)) === 4);
    await untilTick(one, () =>
      one.ping().then(
        () => true,
        () => false,
      ),
    );
    const later = await Promise.allSettled(
      [one, two].map((scheduler) => scheduler.acquire({ targets: TARGETS })),
    );

    expect(during).toMatchObject({ kind: 'denied', reason: 'recovering' });
    expect(overage).toEqual([]);
    expect(later.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(leases.map(({ signal }) => signal.aborted)).toEqual([false, false, false, false]);
    expect(await Promise.all(leases.map((lease) => lease.release()))).toEqual(
      Array(4).fill('released'),
    );
    expect(await inFlight(store.redis, cell)).toBe(1);
  });

  it('loses no lease whose own renewal is the first to find out', async () => {
    const cell = store.cell();
    const wish = { cell, recoveryMs: 200, watchServer: false, reapIntervalMs: 60_000 };
    const scheduler = await aScheduler({ ...wish, redis: store.redis, leaseMs: 900 });
    const lease = await scheduler.acquire({ targets: TARGETS });
    const recovery = once(scheduler.events, 'recovery');

    await forget(store.redis, cell);
    await recovery;
    await untilTick(scheduler, async () => (await inFlight(store.redis, cell)) === 1);

    expect(lease.signal.aborted).toBe(false);
    expect(await lease.release()).toBe('released');
  });

  it('again and again in mid-load oversells nothing, and everything comes back', async () => {
    const cell = store.cell();
    const wish = { cell, recoveryMs: 100, watchServer: false, leaseMs: 5000 };
    const one = await aScheduler({ ...wish, redis: store.redis });
    const two = await aScheduler({ ...wish, redis: await store.connect() });
    const oracle = new Oracle();
    let overage = 0;
    let recoveries = 0;
    for (const { events } of [one, two]) events.on('overage', ({ slots }) => (overage += slots));
    one.events.on('recovery', () => (recoveries += 1));

    let flushes = 0;
    let served = 0;
    while (recoveries < 4) {
      const load = runLoad([one, two], oracle, { workers: 20, requests: 600 });
      await once(one.events, 'tick');
      await forget(store.redis, cell);
      flushes += 1;
      served += (await load).served;
      await untilTick(one, () =>
        one.ping().then(
          () => true,
          () => false,
        ),
      );
    }
    await runLoad([one, two], oracle, { workers: 20, requests: 600 });

    expect(served).toBeGreaterThan(0);
    expect(flushes).toBeLessThan(40);
    expect(oracle.highest['a1']).toBeLessThanOrEqual(2 + overage);
    await untilTick(one, async () => (await inFlight(store.redis, cell)) === 0);
    const { differences } = await audit({ redis: store.redis, cell, keyStyle: 'plain' });
    expect(differences).toEqual([]);
  });
});

describe.each(['always', 'everysec'])('kill -9 of Redis with appendfsync %s', (appendfsync) => {
  it('loses no acknowledged slot, and grants nothing before holders have reported', async () => {
    const { server, connect } = await anOwnServer({ appendfsync });
    const redis = await connect();
    const wish = { redis, cell: 'main', recoveryMs: 300, timeoutMs: 10_000 };
    const scheduler = await aScheduler(wish, [anAccount({ slots: 60 })]);
    const leases = await Promise.all(
      Array.from({ length: 50 }, () => scheduler.acquire({ targets: TARGETS })),
    );
    const dead = server.pid!;
    const overage: number[] = [];
    scheduler.events.on('overage', ({ slots }) => overage.push(slots));
    const recovered = once(scheduler.events, 'recovery');

    process.kill(dead, 'SIGKILL');
    await recovered;
    const stored = await redis.hlen(cellKeys('main').requests);
    const early = await scheduler.tryAcquire({ targets: TARGETS });
    await untilTick(scheduler, () =>
      scheduler.ping().then(
        () => true,
        () => false,
      ),
    );
    const extra: Lease[] = [];
    for (let i = 0; i < 10; i += 1) extra.push(await scheduler.acquire({ targets: TARGETS }));
    const full = await scheduler.tryAcquire({ targets: TARGETS });

    expect(server.pid).not.toBe(dead);
    expect(stored).toBe(50 + 1);
    expect(early).toMatchObject({ kind: 'denied', reason: 'recovering' });
    expect(full).toMatchObject({ kind: 'denied', reason: 'pool_full' });
    expect(overage).toEqual([]);
    expect(leases.filter(({ signal }) => signal.aborted)).toEqual([]);
    const answers = await Promise.all([...leases, ...extra].map((lease) => lease.release()));
    expect(new Set(answers)).toEqual(new Set(['released']));
    expect(await inFlight(redis, 'main')).toBe(0);
  });
});

describe('kill -9 of Redis without persistence', () => {
  it('loses the store and no lease', async () => {
    const { server, connect } = await anOwnServer({ appendonly: 'no', save: '' });
    const redis = await connect();
    const wish = { redis, cell: 'main', recoveryMs: 300, timeoutMs: 10_000 };
    const scheduler = await aScheduler(wish, [anAccount({ slots: 5 })]);
    const leases = await Promise.all(
      Array.from({ length: 5 }, () => scheduler.acquire({ targets: TARGETS })),
    );
    const recovered = once(scheduler.events, 'recovery');

    process.kill(server.pid!, 'SIGKILL');
    await recovered;
    await untilTick(scheduler, () =>
      scheduler.ping().then(
        () => true,
        () => false,
      ),
    );
    const full = await scheduler.tryAcquire({ targets: TARGETS });

    expect(full).toMatchObject({ reason: 'pool_full' });
    expect(await inFlight(redis, 'main')).toBe(5);
    expect(leases.filter(({ signal }) => signal.aborted)).toEqual([]);
    await scheduler.stop();
    expect(await inFlight(redis, 'main')).toBe(0);
  });
});
