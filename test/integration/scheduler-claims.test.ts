// @module-tag redis_required
// Grants that another daemon's tick has made: used at once, claimed meanwhile, and never used while
// the slot may be somebody else's.
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import type { Lease } from '../../src/scheduler/lease.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { Heart, anAccount } from '../support/heart.ts';
import { expectNothingLeft, waitersIn } from '../support/queue-state.ts';
import { RedisProxy } from '../support/redis-proxy.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler, untilTick } from '../support/schedulers.ts';

const store = useRedis();
const LEASE_MS = 2000;
/** Half a lease, as lua/waiting/waiters.lua has it. */
const CLAIM_MS = LEASE_MS / 2;
const WAITING = { targets: TARGETS, waitMs: 20_000 };

async function aLink(): Promise<RedisProxy> {
  const link = await RedisProxy.start(store.url);
  onTestFinished(() => link[Symbol.asyncDispose]());
  return link;
}

/**
 * Two daemons with one slot, and a waiter of the second. Its commands and its messages have a link
 * each; it does not ask again by itself.
 */
async function aHandOff(leaseMs = LEASE_MS) {
  const wish = {
    cell: store.cell(),
    leaseMs,
    reapIntervalMs: 50,
    checkIntervalMs: 30_000,
    timeoutMs: 3000,
  };
  const [commands, messages] = [await aLink(), await aLink()];
  const one = await aScheduler({ redis: store.redis, ...wish }, [anAccount()]);
  const redis = await connectRedis(commands.url, { timeoutMs: 3000, name: 'linked' });
  const channel = await connectRedis(messages.url, { timeoutMs: 3000, name: 'linked' });
  redis.duplicate = (options) => channel.duplicate(options);
  onTestFinished(() => {
    for (const client of [redis, channel]) client.disconnect();
  });
  const other = await aScheduler({ redis, ...wish }, [anAccount()]);
  await untilTick(other, () => listens(other));
  await passed(other, 0);
  const first = await one.acquire({ targets: TARGETS });
  const second = other.acquire(WAITING);
  await untilTick(other, () => other.waiting() === 1);
  return { ...wish, one, other, first, second, commands, messages };
}

/** What waits when the subscription stands asks once, and is not told before it is answered. */
async function listens({ id }: Scheduler): Promise<boolean> {
  const channels = (await store.redis.call('pubsub', 'shardchannels')) as readonly string[];
  return channels.some((name) => name.endsWith(id));
}

async function lost(lease: Lease): Promise<void> {
  if (!lease.signal.aborted) await once(lease.signal, 'abort');
}

async function passed(scheduler: Scheduler, ms: number): Promise<void> {
  const began = performance.now();
  await untilTick(scheduler, () => performance.now() - began > ms);
}

describe('a grant of another daemon’s tick', () => {
  it('is used before the store has heard the claim, and lasts once it has', async () => {
    const { one, first, second, commands } = await aHandOff();
    commands.set('slow');

    await first.release();
    const lease = await second;
    commands.set('open');
    await passed(one, 2 * CLAIM_MS);

    expect(lease.signal.aborted).toBe(false);
    expect(await one.tryAcquire({ targets: TARGETS })).toMatchObject({ reason: 'pool_full' });
    expect(await lease.release()).toBe('released');
  });

  it('is lost before another has the slot, where no claim reaches the store', async () => {
    const { one, first, second, commands } = await aHandOff();
    commands.set('hole');
    onTestFinished(() => commands.set('open'));
    await first.release();
    const lease = await second;

    const third = await one.acquire(WAITING);

    expect(lease.signal.aborted).toBe(true);
    expect(third.fence).toBeGreaterThan(lease.fence);
  });

  it('that the store has taken back is lost, and its waiter waits no more', async () => {
    const { cell, one, other, first, second, commands } = await aHandOff(30_000);
    const clock = new Heart(store.redis, { cell, daemon: 'clock', server: '' });
    await clock.adopt();
    commands.set('hole');
    await first.release();
    const lease = await second;
    clock.now = Date.now() + CODES.WAITING.claim_ms;
    await clock.call([], { incarnation: 0 });

    commands.set('open');
    await lost(lease);
    const third = await one.acquire(WAITING);

    expect(lease.signal.reason).toMatchObject({
      code: 'lease_lost',
      message: 'The slot was taken back by the store.',
    });
    expect(await lease.release()).toBe('already');
    await third.release();
    await untilTick(other, async () => (await waitersIn({ redis: store.redis, cell })) === 0);
    await expectNothingLeft({ redis: store.redis, cell });
  });

  it('that is told late is not used: the slot may be somebody else’s', async () => {
    const { one, other, first, second, messages } = await aHandOff();
    const third = one.acquire(WAITING);
    messages.set('slow');
    await first.release();
    await passed(other, 2 * CLAIM_MS);
    const stranger = await third;

    messages.set('open');
    await passed(other, CLAIM_MS / 4);
    const [waiting, held] = [other.waiting(), other.held()];
    await stranger.release();

    expect([waiting, held]).toEqual([1, 0]);
    expect((await second).fence).toBeGreaterThan(stranger.fence);
  });

  it('may be given back before it is claimed', async () => {
    const { cell, one, first, second } = await aHandOff();

    await first.release();
    const lease = await second;
    const ended = await lease.release();

    expect(ended).toBe('released');
    expect((await one.acquire(WAITING)).fence).toBeGreaterThan(lease.fence);
    expect(await waitersIn({ redis: store.redis, cell })).toBe(0);
  });
});
