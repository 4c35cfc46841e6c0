// @module-tag redis_required
// How operations travel: together, a few calls at a time, one of an id at a time, bounded.
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { FunctionCall } from '../../src/redis/call.ts';
import { TICK_WORDS, anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';
import type { SchedulerWish } from '../support/schedulers.ts';
import { TARGETS, aScheduler, inFlight } from '../support/schedulers.ts';

const store = useRedis();

/** What a real client was asked to send: the ids of every call of the heart, while it lasts. */
class Watch {
  readonly sizes: number[] = [];
  highestInFlight = 0;
  /** Ids that were in two calls at once. */
  readonly overlapping = new Set<string>();
  readonly #inFlight = new Set<readonly string[]>();

  /** The same client, with an eye on what passes through it. */
  on(redis: Redis): Redis {
    const send = redis.sendCommand.bind(redis) as (command: unknown) => Promise<unknown>;
    const watched = async (command: unknown): Promise<unknown> => {
      const ids = idsOf(command);
      for (const other of this.#inFlight) {
        for (const id of ids) if (other.includes(id)) this.overlapping.add(id);
      }
      this.#inFlight.add(ids);
      const busy = [...this.#inFlight].filter(({ length }) => length > 0).length;
      this.highestInFlight = Math.max(this.highestInFlight, busy);
      if (ids.length > 0) this.sizes.push(ids.length);
      try {
        return await send(command);
      } finally {
        this.#inFlight.delete(ids);
      }
    };
    return Object.assign(redis, { sendCommand: watched });
  }
}

/** Of a call of the heart: what comes behind its other words. */
function idsOf(command: unknown): string[] {
  if (!(command instanceof FunctionCall) || !command.entry.endsWith('_tick')) return [];
  return command.words.slice(TICK_WORDS).map(String);
}

async function aWatchedScheduler(wish: Partial<SchedulerWish> = {}) {
  const watch = new Watch();
  const redis = watch.on(await store.connect());
  const cell = store.cell();
  const scheduler = await aScheduler({ redis, cell, ...wish }, [anAccount({ slots: 10_000 })]);
  return { scheduler, watch, count: () => inFlight(store.redis, cell) };
}

describe('operations', () => {
  it('that are few travel in one call', async () => {
    const { scheduler, watch } = await aWatchedScheduler();

    await Promise.all(Array.from({ length: 31 }, () => scheduler.acquire({ targets: TARGETS })));

    expect(watch.sizes).toEqual([31]);
  });

  it('of one turn of the event loop travel together, 64 at most', async () => {
    const { scheduler, watch } = await aWatchedScheduler();

    await Promise.all(Array.from({ length: 182 }, () => scheduler.acquire({ targets: TARGETS })));

    // A store that would be idle meanwhile begins with the first 32.
    expect(watch.sizes).toEqual([32, 64, 64, 22]);
  });

  it('to an idle store wait for their own callback alone, the next ones for the turn', async () => {
    const { scheduler, watch } = await aWatchedScheduler();
    const inItsOwnCallback = () =>
      new Promise((resolve) => {
        setImmediate(() => resolve(scheduler.acquire({ targets: TARGETS })));
      });

    await Promise.all(Array.from({ length: 31 }, inItsOwnCallback));

    expect(watch.sizes).toEqual([1, 30]);
  });

  it.each([1, 3])('travel in no more than %i calls at once', async (maxCallsInFlight) => {
    const { scheduler, watch, count } = await aWatchedScheduler({ maxCallsInFlight });

    await Promise.all(Array.from({ length: 2000 }, () => scheduler.acquire({ targets: TARGETS })));

    expect(watch.highestInFlight).toBe(maxCallsInFlight);
    expect(Math.max(...watch.sizes)).toBe(64);
    expect(await count()).toBe(2000);
  });

  it('on one id are never under way in two calls', async () => {
    const { scheduler, watch, count } = await aWatchedScheduler();
    const ids = Array.from({ length: 40 }, (_, i) => `id-${i}`);
    // Fillers put the operations on one id into different calls.
    const filler = (): Promise<unknown> => scheduler.cancel({ requestId: `f-${Math.random()}` });

    const all = ids.flatMap((requestId) => [
      scheduler.acquire({ targets: TARGETS, requestId }),
      ...Array.from({ length: 9 }, filler),
      scheduler.cancel({ requestId }),
      scheduler.acquire({ targets: TARGETS, requestId }),
    ]);
    const results = await Promise.allSettled(all);

    const second = results.filter((_, i) => i % 12 === 11);
    expect([...watch.overlapping]).toEqual([]);
    expect(second.map(({ status }) => status)).toEqual(Array(40).fill('rejected'));
    expect(await count()).toBe(0);
  });

  it('on one id that is under way wait, and keep their order', async () => {
    const { scheduler, watch, count } = await aWatchedScheduler();
    const requestId = 'x';

    const acquired = scheduler.acquire({ targets: TARGETS, requestId });
    await new Promise((resolve) => setImmediate(resolve));
    const cancelled = scheduler.cancel({ requestId });
    const other = scheduler.acquire({ targets: TARGETS });

    expect((await acquired).requestId).toBe('x');
    expect(await cancelled).toBe('was_granted');
    await other;
    expect([...watch.overlapping]).toEqual([]);
    expect(await count()).toBe(1);
  });

  it('beyond what may wait are refused at once, and the others served', async () => {
    const { scheduler, count } = await aWatchedScheduler({
      maxPendingOperations: 100,
      maxCallsInFlight: 1,
    });

    // 32 are under way at once, 100 wait.
    const results = await Promise.allSettled(
      Array.from({ length: 162 }, () => scheduler.acquire({ targets: TARGETS })),
    );

    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.length).toBe(30);
    expect(
      refused.every(({ reason }) => (reason as { code: string }).code === 'store_unavailable'),
    ).toBe(true);
    expect(await count()).toBe(132);
  });

  it('of one caller’s mistake leave the others of their call alone', async () => {
    const { scheduler, count } = await aWatchedScheduler();
    await scheduler.acquire({ targets: TARGETS, requestId: 'x', holder: 'me' });

    const results = await Promise.allSettled([
      scheduler.acquire({ targets: TARGETS }),
      scheduler.acquire({ targets: TARGETS, requestId: 'x', holder: 'you' }),
      scheduler.acquire({ targets: TARGETS }),
    ]);

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await count()).toBe(3);
  });
});

describe('a server whose memory is full', () => {
  const full = useRedis({ settings: { 'maxmemory-policy': 'noeviction' } });

  it('grants nothing, and lets held leases be renewed and given back', async () => {
    const cell = full.cell();
    const scheduler = await aScheduler({ redis: full.redis, cell, leaseMs: 300 });
    const lease = await scheduler.acquire({ targets: TARGETS });
    const admin = await full.connect('admin');
    await admin.config('SET', 'maxmemory', '1');

    const refusal = scheduler.acquire({ targets: TARGETS });
    await expect(refusal).rejects.toMatchObject({ code: 'store_unavailable' });
    const before = lease.expiresAtMs;
    while (lease.expiresAtMs < before + 300) await admin.ping();
    const released = await lease.release();
    await admin.config('SET', 'maxmemory', '0');
    const next = await scheduler.acquire({ targets: TARGETS });

    expect(released).toBe('released');
    expect(lease.signal.aborted).toBe(false);
    expect(next.account).toBe('a1');
  });
});
