// @module-tag redis_required
// A lease that fails over: same request, another account, and nothing that is asked meanwhile may
// lose or keep a slot.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { anAccount } from '../support/heart.ts';
import { RedisProxy } from '../support/redis-proxy.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler, inFlight, untilTick } from '../support/schedulers.ts';
import type { SchedulerWish } from '../support/schedulers.ts';

const store = useRedis();
const ACCOUNTS = ['a1', 'a2', 'a3'].map((name) => anAccount({ name }));

async function aPool(wish: Partial<SchedulerWish> = {}, accounts = ACCOUNTS) {
  const { redis = store.redis, cell = store.cell() } = wish;
  const scheduler = await aScheduler({ ...wish, redis, cell }, accounts);
  return { scheduler, redis, cell, count: () => inFlight(redis, cell) };
}

describe('a lease that moves', () => {
  it('is held on another account from then on, and given back there', async () => {
    const { scheduler, redis, cell, count } = await aPool();
    const lease = await scheduler.acquire({ targets: TARGETS });
    const before = lease.fence;
    const told = once(scheduler.events, 'moved');

    const result = await lease.move({ outcome: 'failed' });

    expect(result).toEqual({ kind: 'moved' });
    expect(lease).toMatchObject({ account: 'a2', targetIndex: 0, target: TARGETS[0] });
    expect(lease.fence).toBeGreaterThan(before);
    expect((await told)[0]).toMatchObject({ from: 'a1', to: 'a2', outcome: 'failed' });
    expect(await count()).toBe(1);
    expect(await lease.release()).toBe('released');
    expect(await redis.hgetall(cellKeys(cell).inflight)).toMatchObject({ a1: '0', a2: '0' });
  });

  it('that finds nothing is held as before', async () => {
    const { scheduler, count } = await aPool();
    const lease = await scheduler.acquire({ targets: TARGETS });
    const { account, fence } = lease;

    const result = await lease.move({ outcome: 'overloaded', exclude: ['a2', 'a3'] });

    const retryAfterMs = 1000;
    expect(result).toEqual({ kind: 'denied', reason: 'pool_full', retryAfterMs, hasAccount: true });
    expect(lease).toMatchObject({ account, fence });
    expect(await lease.release({ outcome: 'overloaded' })).toBe('released');
    expect(await count()).toBe(0);
  });

  it('is lost where the store has taken it back, and where it was released', async () => {
    const { scheduler } = await aPool();
    const taken = await scheduler.acquire({ targets: TARGETS, requestId: 'x' });
    const released = await scheduler.acquire({ targets: TARGETS });
    await scheduler.cancel({ requestId: 'x' });
    await released.release();

    const results = [
      await taken.move({ outcome: 'failed' }),
      await released.move({ outcome: 'failed' }),
    ];

    expect(results).toEqual([{ kind: 'lost' }, { kind: 'lost' }]);
  });

  it('goes on being renewed, under its new fence', async () => {
    const { scheduler, count } = await aPool({ leaseMs: 150 });
    const lease = await scheduler.acquire({ targets: TARGETS });
    await lease.move({ outcome: 'failed' });
    const first = lease.expiresAtMs;

    await untilTick(scheduler, () => lease.expiresAtMs > first + 300);

    expect(lease.signal.aborted).toBe(false);
    expect(await count()).toBe(1);
  });

  it('is not lost by what is asked under its old fence in the same batch', async () => {
    const { scheduler } = await aPool();
    const lease = await scheduler.acquire({ targets: TARGETS });

    const moving = lease.move({ outcome: 'failed' });
    // Every lease is registered again, this one as it is held now.
    scheduler.events.emit('recovery', { incarnation: 1 });
    await moving;
    await scheduler.ping();

    expect(lease.signal.aborted).toBe(false);
    expect(scheduler.held()).toBe(1);
    expect(await lease.release()).toBe('released');
  });

  it('is given back where it went, also by a release that does not wait for the move', async () => {
    const { scheduler, count } = await aPool();
    const lease = await scheduler.acquire({ targets: TARGETS });

    const moving = lease.move({ outcome: 'failed' });
    const released = lease.release();

    expect(await moving).toEqual({ kind: 'moved' });
    expect(await released).toBe('released');
    expect(await count()).toBe(0);
  });

  it('moves one step after the other', async () => {
    const { scheduler, count } = await aPool();
    const lease = await scheduler.acquire({ targets: TARGETS });

    const results = await Promise.all([
      lease.move({ outcome: 'failed' }),
      lease.move({ outcome: 'failed', exclude: ['a1'] }),
    ]);

    expect(results).toEqual([{ kind: 'moved' }, { kind: 'moved' }]);
    expect(lease.account).toBe('a3');
    expect(await count()).toBe(1);
  });

  it('refuses what cannot be asked, and is held as before', async () => {
    const { scheduler } = await aPool();
    const lease = await scheduler.acquire({ targets: TARGETS });

    const attempt = lease.move({ outcome: 'failed', targets: [] });

    await expect(attempt).rejects.toMatchObject({ code: 'invalid_params' });
    expect(await lease.release()).toBe('released');
  });

  it('without an answer is ended by its release, wherever the store has moved it', async () => {
    await using proxy = await RedisProxy.start(store.url);
    const redis = await connectRedis(proxy.url, { timeoutMs: 300, name: 'proxied' });
    const { scheduler, cell } = await aPool({ redis, timeoutMs: 300 });
    const lease = await scheduler.acquire({ targets: TARGETS });
    const inFlightNow = () => store.redis.hgetall(cellKeys(cell).inflight);
    proxy.set('mute');
    const moving = lease.move({ outcome: 'failed' });
    await expect(moving).rejects.toMatchObject({ code: 'store_unavailable' });
    const moved = await inFlightNow();
    const healed = once(scheduler.events, 'tick');
    proxy.set('open');
    await healed;

    const released = await lease.release({ outcome: 'ignored' });

    expect(moved).toMatchObject({ a1: '0', a2: '1' });
    expect(released).toBe('released');
    expect(await inFlightNow()).toMatchObject({ a1: '0', a2: '0', a3: '0' });
    expect(await lease.move({ outcome: 'failed' })).toEqual({ kind: 'lost' });
  });
});
