// @module-tag redis_required
// The store is away: pools that are told so are served by each daemon's share, running work goes on
// as it is configured, and the store is told of everything before it grants again.
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { SchedulerEvents } from '../../src/core/events.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { audit } from '../../src/scheduler/inspect.ts';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';
import type { Lease } from '../../src/scheduler/lease.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { SchedulerOptions } from '../../src/scheduler/types.ts';
import { anAccount } from '../support/heart.ts';
import { anOwnServer } from '../support/own-server.ts';
import { RedisProxy } from '../support/redis-proxy.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler, inFlight } from '../support/schedulers.ts';

const store = useRedis();
const TIMEOUT_MS = 300;
const [LIMIT, DAEMONS] = [5, 2];
const SHARE = 2;
const LOCAL = { local: { pools: ['openai'], expectedDaemons: DAEMONS } } as const;
let proxy: RedisProxy;

beforeEach(async () => {
  proxy = await RedisProxy.start(store.url);
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
});

async function behindTheProxy(
  wish: Partial<SchedulerOptions> = LOCAL,
  accounts: readonly SchedulerAccount[] = [anAccount({ slots: LIMIT })],
) {
  const cell = store.cell();
  const redis = await connectRedis(proxy.url, { timeoutMs: TIMEOUT_MS, name: 'proxied' });
  const scheduler = await aScheduler({ redis, cell, timeoutMs: TIMEOUT_MS, ...wish }, accounts);
  onTestFinished(() => redis.disconnect());
  return { scheduler, cell, count: () => inFlight(store.redis, cell) };
}

const acquire = (scheduler: Scheduler): Promise<Lease> => scheduler.acquire({ targets: TARGETS });

/** So many acquires at once: the leases, and the codes of those that were refused. */
async function acquireMany(scheduler: Scheduler, count: number) {
  const settled = await Promise.allSettled(Array.from({ length: count }, () => acquire(scheduler)));
  const leases = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const codes = settled.flatMap((one) =>
    one.status === 'rejected' ? [(one.reason as { code: string }).code] : [],
  );
  return { leases, codes };
}

/** The link works again, and the scheduler has told the store what it has granted meanwhile. */
async function heal(scheduler: Scheduler): Promise<SchedulerEvents['localModeEnded']> {
  const ended = once(scheduler.events, 'localModeEnded');
  proxy.set('open');
  const [event] = (await ended) as [SchedulerEvents['localModeEnded']];
  await scheduler.ping();
  return event;
}

describe('a pool that is served while the store is away', () => {
  it('grants no lane: whose turn it is, the store alone knows', async () => {
    const { scheduler } = await behindTheProxy();
    proxy.set('closed');
    await (await acquire(scheduler)).release();

    const refused = scheduler.acquire({ targets: TARGETS, session: 's', lane: true });

    await expect(refused).rejects.toMatchObject({ code: 'store_unavailable' });
    await heal(scheduler);
  });

  it.each(['hole', 'closed'] as const)(
    'has the share of one daemon, at once after the first call: %s',
    async (state) => {
      const { scheduler } = await behindTheProxy();
      proxy.set(state);
      await (await acquire(scheduler)).release();
      const began = performance.now();

      const { leases, codes } = await acquireMany(scheduler, LIMIT);

      expect(performance.now() - began).toBeLessThan(TIMEOUT_MS);
      expect(leases).toHaveLength(SHARE);
      expect(codes).toEqual(Array.from({ length: LIMIT - SHARE }, () => 'pool_full'));
      await Promise.all(leases.map((lease) => lease.release()));
      await heal(scheduler);
    },
  );

  it('counts what the daemon held before against its share', async () => {
    const { scheduler, count } = await behindTheProxy();
    const before = await acquireMany(scheduler, SHARE);
    proxy.set('hole');

    const during = await acquireMany(scheduler, 1);

    expect(during.codes).toEqual(['pool_full']);
    await heal(scheduler);
    await Promise.all(before.leases.map((lease) => lease.release()));
    expect(await count()).toBe(0);
  });

  it('is served to those who wait for the store already, as its slots become free', async () => {
    const { scheduler } = await behindTheProxy({ ...LOCAL, checkIntervalMs: 50 });
    const before = await acquireMany(scheduler, LIMIT);
    const waiting = scheduler.acquire({ targets: TARGETS, waitMs: 20_000 });
    await once(scheduler.events, 'queued');
    proxy.set('hole');

    const ended = before.leases.map((lease) => lease.release().catch(() => 'unconfirmed'));
    const lease = await waiting;

    expect(await Promise.all(ended)).toContain('unconfirmed');
    expect(scheduler.waiting()).toBe(0);
    await lease.release();
    await heal(scheduler);
  });

  it('chooses by target, tier and load, among the accounts in use that serve the model', async () => {
    const targets = [
      { pool: 'other', model: 'gpt-4' },
      { pool: 'openai', model: 'gpt-4' },
    ];
    const { scheduler } = await behindTheProxy(LOCAL, [
      anAccount({ name: 'reject', pool: 'other', slots: 9 }),
      anAccount({ name: 'off', slots: 9, enabled: false }),
      anAccount({ name: 'else', slots: 9, models: ['gpt-3'] }),
      anAccount({ name: 'big', slots: 4 }),
      anAccount({ name: 'small', slots: 2 }),
      anAccount({ name: 'spare', slots: 2, tier: 1 }),
    ]);
    proxy.set('closed');
    const leases: Lease[] = [];

    for (let i = 0; i < 4; i += 1) leases.push(await scheduler.acquire({ targets }));

    expect(leases.map(({ account }) => account)).toEqual(['big', 'big', 'small', 'spare']);
    expect(leases.map(({ targetIndex }) => targetIndex)).toEqual([1, 1, 1, 1]);
    await expect(scheduler.acquire({ targets })).rejects.toMatchObject({ code: 'pool_full' });
    await Promise.all(leases.map((lease) => lease.release()));
    await heal(scheduler);
  });

  it('is not served where its accounts have less than a slot for each daemon', async () => {
    const local = { pools: ['openai'], expectedDaemons: LIMIT + 1 };
    const { scheduler } = await behindTheProxy({ local });
    proxy.set('closed');

    const { codes } = await acquireMany(scheduler, 1);

    expect(codes).toEqual(['pool_full']);
    await heal(scheduler);
  });

  it.each([
    ['an id of the caller’s', { requestId: 'mine' }],
    ['a lease that its holder renews', { renewal: 'by-holder' }],
    ['a cost that a budget would hold', { reserveMicro: 1 }],
    ['another pool', { targets: [{ pool: 'other', model: 'gpt-4' }] }],
  ] as const)('is the store’s alone for %s', async (_what, request) => {
    const { scheduler } = await behindTheProxy();
    proxy.set('closed');
    const local = await acquire(scheduler);

    const refused = scheduler.acquire({ targets: TARGETS, ...request });

    await expect(refused).rejects.toMatchObject({ code: 'store_unavailable' });
    await local.release();
    await heal(scheduler);
  });

  it('registers what still runs before the store grants again, and tells of the window', async () => {
    const { scheduler, cell, count } = await behindTheProxy();
    proxy.set('hole');
    const { leases } = await acquireMany(scheduler, SHARE);
    await leases[0]!.release();

    const window = await heal(scheduler);
    const after = await acquireMany(scheduler, LIMIT);

    expect(window.grants).toBe(SHARE);
    expect(window.seconds).toBeGreaterThan(0);
    expect(after.leases).toHaveLength(LIMIT - 1);
    expect(await count()).toBe(LIMIT);
    expect(after.leases.every(({ fence }) => fence > leases[1]!.fence)).toBe(true);
    await Promise.all([leases[1]!, ...after.leases].map((lease) => lease.release()));
    expect(await count()).toBe(0);
    expect((await audit({ redis: store.redis, cell, keyStyle: 'plain' })).differences).toEqual([]);
  });

  it('has at most its limit and the shares of the daemons that were cut off', async () => {
    const cut = await behindTheProxy();
    const other = await aScheduler({ redis: store.redis, cell: cut.cell }, [
      anAccount({ slots: LIMIT }),
    ]);
    const overage = once(cut.scheduler.events, 'overage');
    proxy.set('hole');

    const [local, stored] = [
      await acquireMany(cut.scheduler, LIMIT),
      await acquireMany(other, LIMIT + 1),
    ];
    await heal(cut.scheduler);
    const [told] = (await overage) as [SchedulerEvents['overage']];
    const then = await acquireMany(other, 1);

    expect([local.leases.length, stored.leases.length]).toEqual([SHARE, LIMIT]);
    expect(told.slots).toBe(SHARE);
    expect(await cut.count()).toBe(LIMIT + SHARE);
    expect(then.codes).toEqual(['pool_full']);
    await Promise.all([...local.leases, ...stored.leases].map((lease) => lease.release()));
    expect(await cut.count()).toBe(0);
  });

  it('keeps its work over a server that comes back without its data', async () => {
    const own = await anOwnServer({ appendonly: 'no' });
    const direct = await own.connect();
    await using link = await RedisProxy.start(own.server.url);
    const redis = await connectRedis(link.url, { timeoutMs: TIMEOUT_MS, name: 'proxied' });
    onTestFinished(() => redis.disconnect());
    const wish = { redis, cell: store.cell(), timeoutMs: TIMEOUT_MS, recoveryMs: 200, ...LOCAL };
    const scheduler = await aScheduler(wish, [anAccount({ slots: LIMIT })]);
    const before = await acquire(scheduler);
    const ended = once(scheduler.events, 'localModeEnded');
    const recovery = once(scheduler.events, 'recovery');
    link.set('closed');
    // It is our child, and started again by itself.
    process.kill(own.server.pid!, 'SIGKILL');
    const during = await acquire(scheduler);

    link.set('open');
    await Promise.all([ended, recovery]);
    while ((await inFlight(direct, wish.cell).catch(() => 0)) !== 2)
      await once(scheduler.events, 'tick');

    expect([before.signal.aborted, during.signal.aborted]).toEqual([false, false]);
    await Promise.all([before.release(), during.release()]);
    expect(await inFlight(direct, wish.cell)).toBe(0);
  });
});

describe('work that runs while the store is away', () => {
  const LEASE_MS = 600;
  const lost = async (lease: Lease): Promise<number> => {
    const began = performance.now();
    await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    return performance.now() - began;
  };

  it('is cut when its lease ends, unless told otherwise', async () => {
    const { scheduler } = await behindTheProxy({ leaseMs: LEASE_MS });
    const lease = await acquire(scheduler);
    proxy.set('hole');

    expect(await lost(lease)).toBeLessThan(LEASE_MS);
  });

  it('goes on for its grace', async () => {
    const onLostStore = { then: 'cut', graceMs: 700 } as const;
    const { scheduler } = await behindTheProxy({ leaseMs: LEASE_MS, onLostStore });
    const lease = await acquire(scheduler);
    proxy.set('hole');

    const after = await lost(lease);

    expect(after).toBeGreaterThan(LEASE_MS);
    expect(after).toBeLessThan(LEASE_MS + 1200);
  });

  it('is kept until the store is back, and then for as long as the slot is its own', async () => {
    const onLostStore = { then: 'keep', graceMs: 0 } as const;
    const wish = { leaseMs: LEASE_MS, onLostStore, recoveryMs: 2000 };
    const { scheduler, count } = await behindTheProxy(wish);
    const lease = await acquire(scheduler);
    const other = await behindTheProxy({ leaseMs: LEASE_MS });
    const cutAtItsEnd = await acquire(other.scheduler);
    proxy.set('hole');
    await lost(cutAtItsEnd);

    const back = once(scheduler.events, 'outage');
    proxy.set('open');
    await back;
    await scheduler.ping().catch(() => undefined);

    expect(lease.signal.aborted).toBe(false);
    expect(await lease.release()).toBe('released');
    expect(await count()).toBe(0);
  });
});
