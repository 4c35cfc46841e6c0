// @module-tag redis_required
// The wheel of expiries: leases whose holders are gone come back, the others cost little.
import { describe, expect, it } from 'vitest';
import { counterOf, finishedOf, inFlightOf, leasesOf, wheelOf } from '../support/cell-state.ts';
import type { Heart } from '../support/heart.ts';
import { aHeart, acquire, anAccount, check, reap, release, renew } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** An empty tick; returns how many slots it has reaped and whether more may be due. */
async function tick(heart: Heart, wish: Parameters<Heart['call']>[1] = {}) {
  const reply = await heart.call([], wish);
  if (reply.kind !== 'ok') throw new Error(reply.kind);
  const { reaped, more, nowMs } = reply.report;
  return { reaped, more, nowMs };
}

describe('an expired lease', () => {
  it('is reaped by any tick from its expiry on, and not before', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/x', { leaseMs: 10 });

    heart.now = 9;
    const early = await tick(heart);
    const heldUntilThen = await inFlightOf(heart);
    heart.now = 10;
    const due = await tick(heart);

    expect([early.reaped, due.reaped]).toEqual([0, 1]);
    expect(heldUntilThen).toEqual({ a1: 1 });
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
    expect(await counterOf(heart)).toBe('0');
    expect(await leasesOf(heart)).toEqual({});
    expect(await wheelOf(heart)).toEqual([]);
  });

  it('is remembered as finished: its holder learns it, a late release is harmless', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x', { leaseMs: 10 });
    heart.now = 10;
    await tick(heart);

    const told = await heart.send(
      check('t/x'),
      renew('t/x', fence),
      release('t/x', fence),
      acquire('t/x', { leaseMs: 10 }),
    );

    const { younger, older } = await finishedOf(heart);
    expect(told.map(({ tag }) => tag)).toEqual(['finished', 'lost', 'already', 'error']);
    expect([...younger, ...older]).toEqual(['t/x']);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('is reaped once, though two entries of the wheel name it', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 3 })]);
    const first = await heart.take('t/x', { isFresh: true, leaseMs: 100 });
    heart.now = 1;
    await heart.send(release('t/x', first));
    await heart.take('t/x', { isFresh: true, leaseMs: 100 });
    await heart.take('t/other', { leaseMs: 1000 });
    heart.now = 100;
    await tick(heart);
    const namedTwice = (await wheelOf(heart)).filter(({ ids }) => ids.includes('t/x'));

    heart.now = 101;
    const { reaped } = await tick(heart);

    expect(namedTwice.length).toBe(2);
    expect(reaped).toBe(1);
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });
});

describe('the wheel', () => {
  it('has one entry for all grants of a tick with the same expiry', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 10 })]);

    await heart.send(acquire('t/1'), acquire('t/2'), acquire('t/3', { leaseMs: 50 }));

    expect(await wheelOf(heart)).toEqual([
      { at: 50, ids: ['t/3'] },
      { at: 100, ids: ['t/1', 't/2'] },
    ]);
  });

  it('watches a renewed lease again at its new expiry when its entry comes due', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x', { leaseMs: 100 });
    heart.now = 60;
    await heart.send(renew('t/x', fence, 100));
    heart.now = 100;

    const { reaped } = await tick(heart);

    expect(reaped).toBe(0);
    expect(await wheelOf(heart)).toEqual([{ at: 160, ids: ['t/x'] }]);
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it('drops the entries of released leases without a trace', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 3 })]);
    const told = await heart.send(acquire('t/1'), acquire('t/2'));
    await heart.send(release('t/1', told[0]!.fence!), release('t/2', told[1]!.fence!));
    heart.now = 100;

    const { reaped } = await tick(heart);

    expect(reaped).toBe(0);
    expect(await wheelOf(heart)).toEqual([]);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('does bounded work in a tick, says that there is more, and comes to an end', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 100 })]);
    for (let i = 0; i < 10; i += 1) await heart.take(`t/${i}`, { leaseMs: 10 + i });
    heart.now = 1000;

    const ticks = [await tick(heart)];
    while (ticks.at(-1)!.more) ticks.push(await tick(heart));

    expect(ticks.map(({ reaped }) => reaped)).toEqual([4, 4, 2]);
    expect(ticks.map(({ more }) => more)).toEqual([true, true, false]);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('reaps on where the operation `reap` is asked for in the same batch', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 100 })]);
    for (let i = 0; i < 10; i += 1) await heart.take(`t/${i}`, { leaseMs: 10 + i });
    heart.now = 1000;

    const told = await heart.send(reap(), reap());

    expect(told.map(({ slots }) => slots)).toEqual([8, 10]);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
    expect(await wheelOf(heart)).toEqual([]);
  });

  it('names 64 ids in one entry at most', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 200 })]);
    const many = Array.from({ length: 100 }, (_, i) => acquire(`t/${i}`));

    await heart.send(...many);

    const sizes = (await wheelOf(heart)).map(({ ids }) => ids.length);
    expect(sizes.sort()).toEqual([36, 64]);
  });
});

describe('after a gap between ticks', () => {
  it('nothing is reaped until holders had time to renew', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/x', { leaseMs: 10 });
    const wish = { gapMs: 50, recoveryMs: 30 };

    heart.now = 100;
    const afterTheGap = await tick(heart, wish);
    heart.now = 129;
    const stillKept = await tick(heart, wish);
    heart.now = 130;
    const atLast = await tick(heart, wish);

    expect([afterTheGap.reaped, stillKept.reaped, atLast.reaped]).toEqual([0, 0, 1]);
  });

  it('a lease that is renewed in that time lives on', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x', { leaseMs: 10 });
    const wish = { gapMs: 50, recoveryMs: 30 };
    heart.now = 100;
    await tick(heart, wish);
    heart.now = 120;
    await heart.call([renew('t/x', fence, 20)], wish);
    heart.now = 130;

    const { reaped } = await tick(heart, wish);

    expect(reaped).toBe(0);
    expect(await wheelOf(heart)).toEqual([{ at: 140, ids: ['t/x'] }]);
  });

  it('of exactly the bound nothing is delayed', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/x', { leaseMs: 10 });
    heart.now = 50;

    const { reaped } = await tick(heart, { gapMs: 50, recoveryMs: 30 });

    expect(reaped).toBe(1);
  });
});

describe('the clock of a cell', () => {
  it('never goes back', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    heart.now = 1000;
    await tick(heart);
    heart.now = 400;

    const told = await heart.ask(acquire('t/x', { leaseMs: 10 }));
    const { nowMs, reaped } = await tick(heart);

    expect(told.expiresAt).toBe(1010);
    expect([nowMs, reaped]).toEqual([1000, 0]);
  });

  it('is the server’s own where none is given', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const [seconds] = await store.redis.time();

    const { nowMs } = await tick(heart, { clockMs: undefined });

    expect(Math.abs(nowMs - Number(seconds) * 1000)).toBeLessThan(5000);
  });
});
