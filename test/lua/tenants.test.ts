// @module-tag redis_required
// A tenant's terms: slots, requests and tokens a minute; what waits, what is refused at once.
import { describe, expect, it } from 'vitest';
import type { SchedulerTenant } from '../../src/scheduler/admission.ts';
import { decodeLimitsList } from '../../src/scheduler/limits.ts';
import { dumpOf, waitersOf } from '../support/cell-state.ts';
import { aHeart, acquire, anAccount, release } from '../support/heart.ts';
import type { Heart } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

async function aTenantsHeart(
  terms: Partial<SchedulerTenant>,
  accounts = [anAccount({ slots: 100 })],
): Promise<Heart> {
  const tenants = [
    { name: 't', weight: 1, ...terms },
    { name: 'u', weight: 1 },
  ];
  return await aHeart(store, accounts, { admission: { tenants, timeZone: 'UTC' } });
}

describe("a tenant's slots", () => {
  it('are refused beyond its terms, while others are served', async () => {
    const heart = await aTenantsHeart({ maxConcurrency: 2 });

    const told = await heart.send(...['t/1', 't/2', 't/3', 'u/1'].map((id) => acquire(id)));

    expect(told.map(({ tag, reason }) => reason ?? tag)).toEqual([
      'granted',
      'granted',
      'tenant_concurrency',
      'granted',
    ]);
  });

  it('come back with the end of one of its leases, to its own waiter', async () => {
    const heart = await aTenantsHeart({ maxConcurrency: 1 });
    const fence = await heart.take('t/1');
    const [told] = await heart.send(acquire('t/2', { waitMs: 500 }));

    const news = await heart.news(release('t/1', fence));

    expect(told).toMatchObject({ tag: 'queued' });
    expect(news).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('do not let a waiting tenant at its limit hold up the others', async () => {
    const heart = await aTenantsHeart({ maxConcurrency: 1 }, [anAccount({ slots: 2 })]);
    await heart.take('t/1');
    const fence = await heart.take('u/1');
    await heart.send(acquire('t/2', { waitMs: 500 }), acquire('u/2', { waitMs: 500 }));

    const news = await heart.news(release('u/1', fence));

    expect(Object.keys(news)).toEqual(['u/2']);
    expect(await waitersOf(heart)).toEqual(['t/2']);
  });
});

describe("a tenant's requests a minute", () => {
  const terms = { requestsPerMinute: 60, requestsBurst: 2 };

  it('are refused above the burst with the ms until the next one, and charge nothing', async () => {
    const heart = await aTenantsHeart(terms);
    await heart.send(acquire('t/1'), acquire('t/2'));
    const before = await dumpOf(heart);

    const told = await heart.ask(acquire('t/3'));

    expect(told).toEqual({ tag: 'denied', reason: 'tenant_rate', retryAfterMs: 1000 });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('come back one at a time', async () => {
    const heart = await aTenantsHeart(terms);
    await heart.send(acquire('t/1'), acquire('t/2'));
    heart.now = 1000;

    const told = await heart.send(acquire('t/3'), acquire('t/4'));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'denied']);
  });

  it('are waited for where the terms say so, and a timer lets the waiter in', async () => {
    const heart = await aTenantsHeart({ ...terms, rateLimited: 'wait' });
    await heart.send(acquire('t/1'), acquire('t/2'));

    const reply = await heart.call([acquire('t/3', { waitMs: 5000 })]);
    const early = await heart.news();
    heart.now = 1000;
    const news = await heart.news();

    expect(reply).toMatchObject({ told: [{ tag: 'queued' }] });
    expect(early).toEqual({});
    expect(news).toMatchObject({ 't/3': { tag: 'granted' } });
  });

  it('are told with each decision', async () => {
    const heart = await aTenantsHeart(terms);

    const reply = await heart.call([acquire('t/1'), acquire('u/1')]);

    const limits = reply.kind === 'ok' ? decodeLimitsList(reply.report.limits) : new Map();
    expect([...limits]).toEqual([
      [0, { requests: { limit: 60, remaining: 1, resetMs: 1000 }, tokens: undefined }],
    ]);
  });
});

describe("a tenant's tokens a minute", () => {
  it('are charged by the estimate and corrected by what was used', async () => {
    const heart = await aTenantsHeart({ tokensPerMinute: 6000, tokensBurst: 100 });
    const fence = await heart.take('t/1', { tokens: 100 });
    const refused = await heart.ask(acquire('t/2', { tokens: 40 }));
    await heart.ask({ ...release('t/1', fence), tokens: 60 } as ReturnType<typeof release>);

    const told = await heart.ask(acquire('t/3', { tokens: 40 }));

    expect(refused).toMatchObject({ reason: 'tenant_rate', retryAfterMs: 400 });
    expect(told.tag).toBe('granted');
  });

  it('above the whole burst are refused for good', async () => {
    const heart = await aTenantsHeart({
      tokensPerMinute: 6000,
      tokensBurst: 100,
      rateLimited: 'wait',
    });

    const told = await heart.ask(acquire('t/1', { tokens: 101, waitMs: 1000 }));

    expect(told).toMatchObject({ tag: 'denied', reason: 'tenant_rate', retryAfterMs: -1 });
  });
});

describe("an account's rates", () => {
  const rated = (rates: object) => [{ ...anAccount({ slots: 100 }), rates }];

  it('take it out of the choice until the next request is due', async () => {
    const heart = await aHeart(store, rated({ requestsPerMinute: 60, requestsBurst: 2 }));

    const told = await heart.send(acquire('t/1'), acquire('t/2'), acquire('t/3'));
    heart.now = 1000;
    const later = await heart.ask(acquire('t/4'));

    expect(told.map(({ tag, reason }) => reason ?? tag)).toEqual([
      'granted',
      'granted',
      'pool_full',
    ]);
    expect(later.tag).toBe('granted');
  });

  it('let a waiter in when they refill, without anybody asking', async () => {
    const heart = await aHeart(store, rated({ requestsPerMinute: 60, requestsBurst: 1 }));
    await heart.take('t/1');
    const reply = await heart.call([acquire('t/2', { waitMs: 5000 })]);
    heart.now = 1000;

    const news = await heart.news();

    expect(reply).toMatchObject({ report: { wakeInMs: 100 } });
    expect(news).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('of tokens may be overdrawn once, and rest until the debt is paid', async () => {
    const heart = await aHeart(store, rated({ tokensPerMinute: 6000, tokensBurst: 100 }));

    const told = await heart.send(acquire('t/1', { tokens: 300 }), acquire('t/2', { tokens: 1 }));
    heart.now = 1999;
    const early = await heart.ask(acquire('t/3', { tokens: 1 }));
    heart.now = 2001;
    const later = await heart.ask(acquire('t/4', { tokens: 1 }));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'denied']);
    expect([early.tag, later.tag]).toEqual(['denied', 'granted']);
  });

  it('survive a new registration', async () => {
    const accounts = rated({ requestsPerMinute: 60, requestsBurst: 1 });
    const heart = await aHeart(store, accounts);
    await heart.take('t/1');
    await heart.configure([...accounts, anAccount({ name: 'b', pool: 'other' })]);

    const told = await heart.ask(acquire('t/2'));

    expect(told).toMatchObject({ tag: 'denied', reason: 'pool_full' });
  });
});
