// @module-tag redis_required
// renew: a held lease lives on, and nothing else does.
import { describe, expect, it } from 'vitest';
import { dumpOf, inFlightOf, leasesOf, wheelOf, wroteBehind } from '../support/cell-state.ts';
import { aHeart, anAccount, register, release, renew } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

describe('renew', () => {
  it('moves the expiry and leaves all else of the record as it was', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    const before = (await leasesOf(heart))['t/x'];
    heart.now = 50;

    const told = await heart.ask(renew('t/x', fence, 100));

    expect(told).toEqual({ tag: 'renewed', fence, expiresAt: 150 });
    expect((await leasesOf(heart))['t/x']).toEqual({ ...before, expiresAtMs: 150 });
  });

  it('does not touch the wheel', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    heart.now = 50;

    await heart.ask(renew('t/x', fence));

    expect(await wheelOf(heart)).toEqual([{ at: 100, ids: ['t/x'] }]);
  });

  it('never shortens a life', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x', { leaseMs: 100 });
    heart.now = 10;

    const told = await heart.ask(renew('t/x', fence, 5));

    expect(told.expiresAt).toBe(100);
  });

  it('keeps a tail of the record that it does not know', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    const raw = (await heart.redis.hgetBuffer(heart.keys.requests, 't/x'))!;
    const longer = Buffer.concat([raw, Buffer.from('from a later version')]);
    await heart.redis.hset(heart.keys.requests, 't/x', longer);
    await wroteBehind(heart);
    heart.now = 50;

    await heart.ask(renew('t/x', fence));

    const renewed = (await heart.redis.hgetBuffer(heart.keys.requests, 't/x'))!;
    expect(renewed.subarray(raw.length).toString()).toBe('from a later version');
    expect((await leasesOf(heart))['t/x']?.expiresAtMs).toBe(150);
  });

  it('saves a lease that has expired and was not reaped yet', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x', { leaseMs: 10 });
    heart.now = 10;

    const told = await heart.ask(renew('t/x', fence, 10));

    expect(told).toEqual({ tag: 'renewed', fence, expiresAt: 20 });
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it.each([
    ['an id that was never seen', 't/unseen', 0],
    ['another fence', 't/x', 1],
  ])('of %s is lost and writes nothing', async (_, id, by) => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    const before = await dumpOf(heart);

    const told = await heart.ask(renew(id, fence + by));

    expect(told).toEqual({ tag: 'lost' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('of a released lease is lost, also in the batch of its release', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');

    const together = await heart.send(release('t/x', fence), renew('t/x', fence));
    const later = await heart.ask(renew('t/x', fence));

    expect(together.map(({ tag }) => tag)).toEqual(['released', 'lost']);
    expect(later.tag).toBe('lost');
    expect(await leasesOf(heart)).toEqual({});
  });
});

describe('register', () => {
  it('of a lease that the store still has is a renewal', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    heart.now = 50;

    const told = await heart.ask(register('t/x', { fence }));

    expect(told).toEqual({ tag: 'renewed', fence, expiresAt: 150 });
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it('of a lease of this incarnation that the store has not is lost and writes nothing', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 3 })]);
    const fence = await heart.take('t/other');
    const before = await dumpOf(heart);

    const told = await heart.ask(register('t/x', { fence: fence + 1 }));

    expect(told).toEqual({ tag: 'lost' });
    expect(await dumpOf(heart)).toEqual(before);
  });
});
