// @module-tag redis_required
// Lanes: requests of one session run one at a time, in the order of their arrival, over all daemons.
import { describe, expect, it } from 'vitest';
import { dumpOf, leasesOf, waitersOf, wroteBehind } from '../support/cell-state.ts';
import { aHeart, acquire, anAccount, cancel, release, renew } from '../support/heart.ts';
import type { Heart } from '../support/heart.ts';
import { laned } from '../support/laned.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const TEN = () => [anAccount({ slots: 10 })];

async function expectNothingLeft({ redis, keys }: Heart): Promise<void> {
  expect(await redis.hkeys(keys.lanes)).toEqual(['_']);
  expect(await redis.hkeys(keys.waiters)).toEqual(['_']);
  expect(await redis.zrange(keys.line, '0', '-1')).toEqual(['_']);
  expect(await redis.zrange(keys.timers, '0', '-1')).toEqual(['_']);
  expect(await redis.hget(keys.cell, 'waiting')).toBe('0');
}

describe('a lane', () => {
  it('lets its requests run one at a time, in the order of their arrival', async () => {
    const heart = await aHeart(store, TEN());
    let fence = (await heart.ask(laned('t/1'))).fence!;
    const queued = await heart.send(laned('t/2', { priority: 9 }), laned('t/3', { priority: 0 }));

    const order = ['t/1'];
    const fences = [fence];
    for (let n = 1; n < 3; n += 1) {
      const news = await heart.news(release(order.at(-1)!, fence));
      const [[id, grant] = ['', undefined]] = Object.entries(news);
      order.push(id);
      fence = grant!.fence!;
      fences.push(fence);
    }
    await heart.ask(release('t/3', fence));

    expect(queued.map(({ tag, position }) => [tag, position])).toEqual([
      ['queued', 1],
      ['queued', 2],
    ]);
    expect(order).toEqual(['t/1', 't/2', 't/3']);
    expect(fences).toEqual([...fences].sort((a, b) => a - b));
    await expectNothingLeft(heart);
  });

  it('of another session, or another tenant’s of the same name, runs beside it', async () => {
    const heart = await aHeart(store, TEN());

    const told = await heart.send(laned('t/1'), laned('t/2', { of: 's2' }), laned('u/1'));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'granted', 'granted']);
  });

  it('is nothing to requests of its session that do not ask for it', async () => {
    const heart = await aHeart(store, TEN());
    await heart.ask(laned('t/1'));

    const told = await heart.ask(
      acquire('t/2', { session: { digest: 's1', isSticky: true, isLane: false } }),
    );

    expect(told.tag).toBe('granted');
  });

  it('refuses who may not wait, and that changes nothing', async () => {
    const heart = await aHeart(store, TEN());
    await heart.ask(laned('t/1'));
    const before = await dumpOf(heart);

    const told = await heart.ask(laned('t/2', { waitMs: 0 }));

    expect(told).toMatchObject({ tag: 'denied', reason: 'lane_busy' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('changes nothing for a request that is refused by another rule', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/0');
    const before = await dumpOf(heart);

    const told = await heart.ask(laned('t/1', { waitMs: 0 }));

    expect(told).toMatchObject({ tag: 'denied', reason: 'pool_full' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('holds no slot for those that stand in it: others are served meanwhile', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    await heart.send(laned('t/1'), laned('t/2'), laned('t/3'));

    const told = await heart.ask(acquire('t/4', { waitMs: 1000 }));

    expect(told.tag).toBe('granted');
  });

  it('lets its next one into the queue at its arrival’s place', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = (await heart.ask(laned('t/1'))).fence!;
    heart.now = 1;
    await heart.ask(laned('t/2'));
    heart.now = 2;
    await heart.ask(acquire('t/3', { waitMs: 1000 }));

    const news = await heart.news(release('t/1', fence));

    expect(Object.keys(news)).toEqual(['t/2']);
    expect(await waitersOf(heart)).toEqual(['t/3']);
  });

  it('is a lease: renewing it keeps the next one waiting, its expiry hands it on', async () => {
    const heart = await aHeart(store, TEN());
    const fence = (await heart.ask(laned('t/1'))).fence!;
    await heart.ask(laned('t/2'));
    heart.now = 90;
    await heart.ask(renew('t/1', fence));
    heart.now = 189;
    const early = await heart.news();
    heart.now = 190;

    const news = await heart.news();
    const late = await heart.ask(release('t/1', fence));

    expect(early).toEqual({});
    expect(news['t/2']!.tag).toBe('granted');
    expect(news['t/2']!.fence).toBeGreaterThan(fence);
    expect(late.tag).toBe('already');
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/2']);
  });

  it('goes on past who gives up, and past who comes to its deadline', async () => {
    const heart = await aHeart(store, TEN());
    const fence = (await heart.ask(laned('t/1'))).fence!;
    await heart.send(laned('t/2'), laned('t/3', { waitMs: 5 }), laned('t/4'));
    const cancelled = await heart.ask(cancel('t/2'));
    heart.now = 5;
    const late = await heart.news();

    const news = await heart.news(release('t/1', fence));

    expect(cancelled.tag).toBe('cancelled');
    expect(late).toMatchObject({ 't/3': { tag: 'denied', reason: 'queue_timeout' } });
    expect(news).toMatchObject({ 't/4': { tag: 'granted' } });
    await heart.ask(release('t/4', news['t/4']!.fence!));
    await expectNothingLeft(heart);
  });

  it('goes on when its owner gives up in the queue of a full account', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('u/0');
    await heart.send(laned('t/1'), laned('t/2'));

    await heart.ask(cancel('t/1'));
    const news = await heart.news(release('u/0', fence));

    expect(news).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('goes on when its owner ends in the very batch that began it, and says that more is due', async () => {
    const heart = await aHeart(store, TEN());

    const reply = await heart.call([laned('t/1'), laned('t/2'), cancel('t/1')]);
    const news = await heart.news();

    expect(reply).toMatchObject({
      told: [{ tag: 'granted' }, { tag: 'queued' }, { tag: 'was_granted' }],
      report: { more: true },
    });
    expect(news).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('is not taken by a newcomer in the batch that hands it on', async () => {
    const heart = await aHeart(store, TEN());
    const fence = (await heart.ask(laned('t/1'))).fence!;
    await heart.ask(laned('t/2'));

    const told = await heart.send(release('t/1', fence), laned('t/3'));

    expect(told[1]!.tag).toBe('queued');
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/2']);
  });

  it('answers who asks again by the same lease, or the same place', async () => {
    const heart = await aHeart(store, TEN());
    const granted = await heart.ask(laned('t/1'));
    const queued = await heart.ask(laned('t/2'));
    const before = await dumpOf(heart);

    const again = await heart.send(laned('t/1'), laned('t/2'));

    expect(again).toEqual([{ ...granted, tag: 'replayed' }, queued]);
    expect(await waitersOf(heart)).toEqual(['t/2']);
    expect(Object.keys(before)).toEqual(Object.keys(await dumpOf(heart)));
  });

  it('whose owner’s record is lost is its next one’s', async () => {
    const heart = await aHeart(store, TEN());
    await heart.ask(laned('t/1'));
    await heart.redis.hdel(heart.keys.requests, 't/1');
    await wroteBehind(heart);

    const told = await heart.ask(laned('t/2'));

    expect(told.tag).toBe('granted');
  });

  it('whose owner’s record cannot be decoded goes on when that is set aside', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('u/busy');
    await heart.send(laned('t/1'), laned('t/2'));
    await heart.redis.hset(heart.keys.waiters, 't/1', 'nonsense');

    const news = await heart.news(release('u/busy', fence));

    expect(Object.entries(news).map(([id, { tag }]) => [id, tag])).toEqual([['t/2', 'granted']]);
    expect(await heart.redis.hget(heart.keys.setAside, 't/1')).toBe('nonsense');
    expect(await heart.redis.hget(heart.keys.lanes, 't/s1')).toBe('t/2');
    await heart.ask(release('t/2', news['t/2']!.fence!));
    await expectNothingLeft(heart);
  });

  it('whose owner’s record cannot be decoded goes on at its deadline at the latest', async () => {
    const heart = await aHeart(store, [anAccount(), anAccount({ name: 'b', pool: 'other' })]);
    await heart.take('u/busy');
    await heart.send(laned('t/1', { waitMs: 50 }), laned('t/2', { waitMs: 5000 }));
    await heart.redis.hset(heart.keys.waiters, 't/1', 'nonsense');

    heart.now += 50;
    await heart.send();

    expect(await heart.redis.hget(heart.keys.lanes, 't/s1')).toBe('t/2');
    expect(await waitersOf(heart)).toEqual(['t/2']);
    expect(await heart.redis.hget(heart.keys.cell, 'waiting')).toBe('1');
  });
});
