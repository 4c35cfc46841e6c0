// @module-tag redis_required
// Waiting: an acquire that finds nothing free is queued, and what frees a slot hands it on.
import { describe, expect, it } from 'vitest';
import { dumpOf, inFlightOf, leasesOf, waitersOf } from '../support/cell-state.ts';
import { GPT4, aHeart, acquire, anAccount, cancel, check, release } from '../support/heart.ts';
import type { Heart } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const waiting = (id: string, wish = {}) => acquire(id, { waitMs: 1000, ...wish });

describe('an acquire that may wait', () => {
  it('is queued where every account is full, and told its position and arrival', async () => {
    const heart = await aHeart(store, [anAccount()]);
    heart.now = 5;
    await heart.take('t/1');

    const told = await heart.send(waiting('t/2'), waiting('t/3'));

    expect(told).toEqual([
      { tag: 'queued', position: 1, arrivedAt: 5, estimatedWaitMs: 0 },
      { tag: 'queued', position: 2, arrivedAt: 5, estimatedWaitMs: 0 },
    ]);
    expect(await waitersOf(heart)).toEqual(['t/2', 't/3']);
  });

  it('is granted at once where an account has room', async () => {
    const heart = await aHeart(store, [anAccount()]);

    const told = await heart.ask(waiting('t/1'));

    expect(told.tag).toBe('granted');
    expect(await waitersOf(heart)).toEqual([]);
  });

  it('keeps its place when it asks again', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1');
    await heart.send(waiting('t/2'), waiting('t/3'));
    const before = await dumpOf(heart);
    heart.now = 7;

    const told = await heart.ask(waiting('t/2'));

    expect(told).toMatchObject({ tag: 'queued', arrivedAt: 0 });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('of another claim under a waiting id is a duplicate', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1');
    await heart.ask(waiting('t/2'));

    const told = await heart.ask(waiting('t/2', { holder: 'other' }));

    expect(told).toEqual({ tag: 'error', mistake: 'duplicate_request' });
  });

  it('is refused at once, and leaves nothing, where no account serves the model', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const before = await dumpOf(heart);

    const told = await heart.ask(waiting('t/1', { targets: [{ pool: 'openai', model: 'no' }] }));

    expect(told).toMatchObject({ tag: 'denied', reason: 'no_account_for_model' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('is refused where the queue is full', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1');
    await heart.ask(waiting('t/2'));

    const reply = await heart.call([waiting('t/3')], { maxWaiting: 1 });

    expect(reply).toMatchObject({ told: [{ tag: 'denied', reason: 'queue_full' }] });
    expect(await waitersOf(heart)).toEqual(['t/2']);
  });
});

describe('a freed slot', () => {
  it('goes to the waiter that came first, in the tick of the release', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/1');
    await heart.send(waiting('t/2'), waiting('t/3'));
    heart.now = 10;

    const news = await heart.news(release('t/1', fence));

    expect(news).toEqual({
      't/2': {
        tag: 'granted',
        account: 'a1',
        target: 'openai:gpt-4',
        targetIndex: 0,
        fence: fence + 1,
        expiresAt: 110,
      },
    });
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/2']);
    expect(await waitersOf(heart)).toEqual(['t/3']);
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it('goes to a waiter before an acquire of the same batch', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/1');
    await heart.ask(waiting('t/2'));

    const told = await heart.send(release('t/1', fence), acquire('t/new'));

    expect(told[1]).toMatchObject({ tag: 'denied', reason: 'pool_full' });
  });

  it('that comes back by reaping goes to a waiter too', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1', { leaseMs: 50 });
    await heart.ask(waiting('t/2'));
    heart.now = 60;

    const news = await heart.news();

    expect(news).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('of an account that is added goes to a waiter at the next tick', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1');
    await heart.ask(waiting('t/2'));
    await heart.configure([anAccount(), anAccount({ name: 'a2' })]);

    const news = await heart.news();

    expect(news).toMatchObject({ 't/2': { tag: 'granted', account: 'a2' } });
  });

  it('is handed to the most urgent waiter of a tenant, but age counts too', async () => {
    const heart = await aHeart(store, [anAccount()]);
    let fence = await heart.take('t/0', { leaseMs: 100_000 });
    const long = { waitMs: 100_000, leaseMs: 100_000 };
    await heart.ask(acquire('t/patient', { ...long, priority: 6 }));
    heart.now = 900;
    await heart.send(
      acquire('t/urgent', { ...long, priority: 5 }),
      acquire('t/idle', { ...long, priority: 9 }),
    );
    heart.now = 1100;
    await heart.ask(acquire('t/late', { ...long, priority: 5 }));

    const order: string[] = [];
    let id = 't/0';
    for (let i = 0; i < 4; i += 1) {
      const news = await heart.news(release(id, fence));
      id = Object.keys(news)[0]!;
      fence = news[id]!.fence!;
      order.push(id);
    }

    expect(order).toEqual(['t/urgent', 't/patient', 't/late', 't/idle']);
  });

  it('serves a later target of a waiter where only that one is freed', async () => {
    const other = { pool: 'backup', model: 'gpt-4' };
    const heart = await aHeart(store, [anAccount(), anAccount({ name: 'b1', pool: 'backup' })]);
    await heart.take('t/1');
    const fence = await heart.take('t/2', { targets: [other] });
    await heart.ask(waiting('t/3', { targets: [GPT4, other] }));

    const news = await heart.news(release('t/2', fence));

    expect(news).toMatchObject({ 't/3': { tag: 'granted', account: 'b1', targetIndex: 1 } });
  });

  it('is not held up by waiters that it cannot serve', async () => {
    const other = { pool: 'backup', model: 'gpt-4' };
    const heart = await aHeart(store, [anAccount(), anAccount({ name: 'b1', pool: 'backup' })]);
    await heart.take('t/1');
    const fence = await heart.take('t/2', { targets: [other] });
    await heart.send(waiting('t/3'), waiting('t/4', { targets: [other] }));

    const news = await heart.news(release('t/2', fence));

    expect(news).toMatchObject({ 't/4': { tag: 'granted', account: 'b1' } });
  });
});

describe('a waiter', () => {
  it('whose caller leaves is taken out of the queue', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/1');
    await heart.send(waiting('t/2'), waiting('t/3'));

    const told = await heart.ask(cancel('t/2'));
    const news = await heart.news(release('t/1', fence));

    expect(told).toEqual({ tag: 'cancelled' });
    expect(Object.keys(news)).toEqual(['t/3']);
  });

  it('is refused at its deadline, and remembered as refused', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1', { leaseMs: 5000 });
    await heart.ask(waiting('t/2', { waitMs: 20 }));
    heart.now = 20;

    const news = await heart.news();
    const again = await heart.ask(waiting('t/2', { waitMs: 20 }));

    expect(news).toMatchObject({ 't/2': { tag: 'denied', reason: 'queue_timeout' } });
    expect(again).toMatchObject({ tag: 'denied', reason: 'queue_timeout' });
    expect(await waitersOf(heart)).toEqual([]);
  });

  it('is checked as queued', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1');
    await heart.ask(waiting('t/2'));

    expect(await heart.ask(check('t/2'))).toEqual({
      tag: 'queued',
      position: 0,
      arrivedAt: 0,
      estimatedWaitMs: 0,
    });
  });

  it('is told when to wake: the next deadline or lease that may be reaped', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1', { leaseMs: 70 });
    const before = await heart.call([]);

    const reply = await heart.call([waiting('t/2', { waitMs: 50 })]);

    expect(before).toMatchObject({ report: { wakeInMs: -1 } });
    expect(reply).toMatchObject({ report: { wakeInMs: 50 } });
  });

  it('leaves no trace once all is over', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/0');
    const start = await traceOf(heart);
    const fence = await heart.take('t/x').catch(() => 0);
    await heart.send(waiting('t/1'), waiting('t/2'), waiting('t/3', { waitMs: 5 }));
    heart.now = 6;
    await heart.ask(cancel('t/2'));
    const news = await heart.news(cancel('t/0'));
    await heart.ask(release('t/1', news['t/1']!.fence!));

    expect(fence).toBe(0);
    expect(await waitersOf(heart)).toEqual([]);
    expect(await traceOf(heart)).toEqual(start);
  });
});

/** Structures that must be empty when nobody waits. */
async function traceOf(heart: Heart): Promise<unknown> {
  const { redis, keys } = heart;
  return [await redis.zrange(keys.line, '0', '-1'), await redis.zrange(keys.timers, '0', '-1')];
}

describe('the estimated wait', () => {
  const LONG = { waitMs: 1_000_000, leaseMs: 1_000_000 };

  it('says nothing, and refuses nobody, before enough was measured', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/0', LONG);
    await heart.ask(acquire('t/1', LONG));
    heart.now = 900_000;
    await heart.news(release('t/0', fence));
    await heart.ask(acquire('t/2', LONG));

    const told = await heart.ask(acquire('t/3', { ...LONG, waitMs: 60_000 }));

    expect(told).toMatchObject({ tag: 'queued', estimatedWaitMs: 0 });
  });

  it('refuses at once who could not be served by its deadline', async () => {
    const heart = await aHeart(store, [anAccount()]);
    let [id, fence] = ['t/0', await heart.take('t/0', LONG)];
    for (let i = 1; i <= 40; i += 1) {
      await heart.ask(acquire(`t/${i}`, LONG));
      heart.now += 100;
      const news = await heart.news(release(id, fence));
      [id, fence] = [`t/${i}`, news[`t/${i}`]!.fence!];
    }
    await heart.send(...Array.from({ length: 9 }, (_, i) => acquire(`t/w${i}`, LONG)));

    const hopeless = await heart.ask(acquire('t/x', { ...LONG, waitMs: 500 }));
    const patient = await heart.ask(acquire('t/y', LONG));

    expect(hopeless).toMatchObject({ tag: 'denied', reason: 'queue_timeout', retryAfterMs: 1000 });
    expect(patient).toMatchObject({ tag: 'queued', position: 10, estimatedWaitMs: 1000 });
  });
});
