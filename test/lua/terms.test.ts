// @module-tag redis_required
// Terms that change while leases run and waiters wait: counts stay true, and whoever is let in by the
// new terms is served.
import { describe, expect, it } from 'vitest';
import type { AdmissionPolicy, SchedulerTenant } from '../../src/scheduler/admission.ts';
import { Terms } from '../../src/scheduler/terms.ts';
import { Heart, aHeart, acquire, anAccount, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const LONG = { waitMs: 60_000, leaseMs: 50_000 };

const capped = (maxConcurrency: number): SchedulerTenant => ({
  name: 't',
  weight: 1,
  maxConcurrency,
});
const policyOf = (...tenants: readonly SchedulerTenant[]): AdmissionPolicy => {
  return { tenants, timeZone: 'UTC' };
};
const termsOf = ({ redis, scripts, keys }: Heart): Terms => new Terms(redis, scripts, keys);

describe('terms that change', () => {
  it('let in who waited for them, when the admin raises them', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 10 })]);
    await termsOf(heart).put(capped(1));
    await heart.take('t/1', LONG);
    await heart.ask(acquire('t/2', LONG));

    await termsOf(heart).put(capped(5));

    expect(await heart.news()).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('let in who waited for them, when the configuration raises them', async () => {
    const accounts = [anAccount({ slots: 10 })];
    const heart = await aHeart(store, accounts, { admission: policyOf(capped(1)) });
    await heart.take('t/1', LONG);
    await heart.ask(acquire('t/2', LONG));

    await heart.configure(accounts, policyOf(capped(5)));

    expect(await heart.news()).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('let in who waited for a tenant that is removed', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 10 })]);
    await termsOf(heart).put(capped(1));
    await heart.take('t/1', LONG);
    await heart.ask(acquire('t/2', LONG));

    await termsOf(heart).remove('t');

    expect(await heart.news()).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('count nothing that ended while the tenant was away', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 10 })]);
    await termsOf(heart).put(capped(1));
    const fence = await heart.take('t/1', LONG);
    await termsOf(heart).remove('t');
    await heart.ask(release('t/1', fence));

    await termsOf(heart).put(capped(1));

    expect((await heart.ask(acquire('t/2'))).tag).toBe('granted');
  });

  it('count what the tenant held already under a budget', async () => {
    const budget = { warnMicro: 80, stopMicro: 100, period: 'none' } as const;
    const admission = { ...policyOf(), budget };
    const heart = await aHeart(store, [anAccount({ slots: 10 })], { admission });
    const fence = await heart.take('t/1', LONG);

    await termsOf(heart).put(capped(1));
    const full = await heart.ask(acquire('t/2', { leaseMs: 50_000 }));
    await heart.ask(release('t/1', fence));
    const free = await heart.ask(acquire('t/3', { leaseMs: 50_000 }));

    expect([full.reason, free.tag]).toEqual(['tenant_concurrency', 'granted']);
  });
});

describe('a claim that comes in the tick that takes its grant back', () => {
  it('finds its place again', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const other = new Heart(heart.redis, { cell: heart.cell, daemon: 'daemon-2' });
    await other.adopt();
    const fence = await heart.take('t/1', LONG);
    await other.ask(acquire('t/2', LONG));
    await heart.ask(release('t/1', fence));
    other.now = 2001;

    const told = await other.ask(acquire('t/2', LONG));
    const news = await other.news();

    expect(told.tag).toBe('queued');
    expect(news).toMatchObject({ 't/2': { tag: 'granted' } });
  });
});

describe('a waiter that cannot be read', () => {
  it('is set aside, and holds up nobody behind it', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/1', LONG);
    await heart.send(acquire('t/2', LONG), acquire('t/3', LONG));
    await heart.redis.hset(heart.keys.waiters, 't/2', 'garbage');

    const news = await heart.news(release('t/1', fence));

    expect(news).toMatchObject({ 't/3': { tag: 'granted' } });
    expect(await heart.redis.hexists(heart.keys.setAside, 't/2')).toBe(1);
  });
});

describe('costs without bound', () => {
  it('stop where numbers end, and never break a batch', async () => {
    const budget = { warnMicro: 80, stopMicro: 100, period: 'none' } as const;
    const heart = await aHeart(store, [anAccount({ slots: 9 })], {
      admission: { ...policyOf(), budget },
    });
    const spend = 'r\tm\t';
    await heart.redis.hset(heart.keys.spend, '0\tt\tr\tm', String(2 ** 52));
    const fence = await heart.take('t/1', LONG);

    const costly = { ...release('t/1', fence), costMicro: Number.MAX_SAFE_INTEGER, spend };
    const told = await heart.ask(costly);

    expect(told.tag).toBe('released');
    expect(await heart.redis.hget(heart.keys.spend, '0\tt\tr\tm')).toBe(String(2 ** 52));
  });
});
