// @module-tag redis_required
// A store that has lost writes: nothing is granted blindly, holders register first, every excess is
// counted.
import { describe, expect, it } from 'vitest';
import { counterOf, dumpOf, inFlightOf, leasesOf, waitersOf } from '../support/cell-state.ts';
import type { Heart } from '../support/heart.ts';
import {
  aHeart,
  acquire,
  anAccount,
  cancel,
  check,
  register,
  release,
  renew,
} from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const PER_INCARNATION = 2 ** 28;

/** What a tick tells beside its answers. */
async function report(heart: Heart, ...[ops, wish]: Parameters<Heart['call']>) {
  const reply = await heart.call(ops, wish);
  if (reply.kind !== 'ok') throw new Error(reply.kind);
  const { incarnation, sequence, overage, recoveringMs } = reply.report;
  return { incarnation, sequence, overage, recoveringMs, told: reply.told };
}

/** Sets the store back to a moment before now, as a fail-over to a lagging replica does. */
async function snapshot(heart: Heart): Promise<() => Promise<void>> {
  const keys = await heart.redis.keys(`*{${heart.cell}}*`);
  const dumps = await Promise.all(keys.map((key) => heart.redis.dumpBuffer(key)));
  return async () => {
    await heart.redis.del(await heart.redis.keys(`*{${heart.cell}}*`));
    for (const [i, key] of keys.entries()) await heart.redis.restore(key, 0, dumps[i]!);
  };
}

describe('a new incarnation begins', () => {
  it('when the store has a smaller sequence than a daemon has seen', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const { incarnation, sequence } = await report(heart, []);

    const after = await report(heart, [], { sequence: sequence + 5, recoveryMs: 30 });

    expect(after).toMatchObject({ incarnation: incarnation + 1, sequence: 1, recoveringMs: 30 });
  });

  it('when a daemon has seen a later incarnation, above that one', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const { incarnation } = await report(heart, []);

    const after = await report(heart, [], { incarnation: incarnation + 7, sequence: 0 });

    expect(after.incarnation).toBe(incarnation + 8);
  });

  it('when the server behind the address is another one', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const { incarnation } = await report(heart, []);

    const moved = await report(heart, [], { server: 'server-2' });
    const settled = await report(heart, [], { server: 'server-2' });

    expect(moved.incarnation).toBe(incarnation + 1);
    expect(settled.incarnation).toBe(incarnation + 1);
  });

  it('not for a daemon that has seen less, or does not watch the server', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const { incarnation } = await report(heart, []);

    const newcomer = await report(heart, [], { incarnation: 0, sequence: 0 });
    const careless = await report(heart, [], { server: '' });

    expect([newcomer.incarnation, careless.incarnation]).toEqual([incarnation, incarnation]);
  });

  it('when the whole cell is missing, above what its daemon has seen', async () => {
    const heart = await aHeart(store, [anAccount()], { recoveryMs: 30 });
    heart.now = 50;
    const { incarnation } = await report(heart, []);
    await heart.redis.del(await heart.redis.keys(`*{${heart.cell}}*`));

    await heart.configure([anAccount()]);
    const after = await report(heart, []);

    expect(after).toMatchObject({ incarnation: incarnation + 1, recoveringMs: 30 });
  });
});

describe('until recovery ends', () => {
  it('nothing new is granted, and the refusal says for how long', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    await heart.take('t/held');
    heart.now = 10;
    await report(heart, [], { server: 'server-2', recoveryMs: 30 });
    heart.now = 15;
    const before = await dumpOf(heart);

    const { told } = await report(heart, [acquire('t/x')], { server: 'server-2' });

    expect(told).toEqual([{ tag: 'denied', reason: 'recovering', retryAfterMs: 25 }]);
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('replays, renewals, releases and cancels work', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 3 })]);
    const [one, two, three] = (
      await heart.send(acquire('t/1'), acquire('t/2'), acquire('t/3'))
    ).map(({ fence }) => fence!);
    await report(heart, [], { server: 'server-2', recoveryMs: 30 });

    const ops = [acquire('t/1'), renew('t/2', two!), release('t/3', three!), cancel('t/9')];
    const { told } = await report(heart, ops, { server: 'server-2' });

    expect(told.map(({ tag }) => tag)).toEqual(['replayed', 'renewed', 'released', 'cancelled']);
    expect(told[0]!.fence).toBe(one);
    expect(await inFlightOf(heart)).toEqual({ a1: 2 });
  });

  it('nothing is reaped', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/x', { leaseMs: 10 });
    heart.now = 5;
    await report(heart, [], { server: 'server-2', recoveryMs: 30 });

    heart.now = 34;
    await report(heart, [], { server: 'server-2' });
    const kept = await inFlightOf(heart);
    heart.now = 35;
    await report(heart, [], { server: 'server-2' });

    expect(kept).toEqual({ a1: 1 });
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('is over at its time: then it grants again, with higher fences', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const old = await heart.take('t/old');
    await report(heart, [], { server: 'server-2', recoveryMs: 30 });
    heart.now = 30;

    const { told } = await report(heart, [acquire('t/new')], { server: 'server-2' });

    expect(told[0]!.tag).toBe('granted');
    expect(told[0]!.fence).toBeGreaterThan(old);
    expect(Math.floor(told[0]!.fence! / PER_INCARNATION)).toBe(heart.incarnation);
  });
});

describe('a lease that the store has lost', () => {
  it('is made again by its holder, with its fence and all counts', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const restore = await snapshot(heart);
    const fence = await heart.take('t/x');
    await restore();
    heart.now = 20;

    const { told, overage } = await report(heart, [register('t/x', { fence })]);

    expect(told).toEqual([{ tag: 'renewed', fence, expiresAt: 120 }]);
    expect(overage).toBe(0);
    expect((await leasesOf(heart))['t/x']).toMatchObject({ fence, account: 'a1', model: 0 });
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
    expect(await counterOf(heart)).toBe('1');
  });

  it('answers to its id and claim, is released by its fence, and is reaped when it expires', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const restore = await snapshot(heart);
    const [one, two] = (await heart.send(acquire('t/1'), acquire('t/2'))).map((t) => t.fence!);
    await restore();
    await report(heart, [register('t/1', { fence: one! }), register('t/2', { fence: two! })]);

    const told = await heart.send(acquire('t/1'), release('t/1', one!));
    heart.now = 100;
    await heart.send();

    expect(told.map(({ tag }) => tag)).toEqual(['replayed', 'released']);
    expect(await leasesOf(heart)).toEqual({});
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('is made again over the limit if need be, and that is counted', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 1 })]);
    const restore = await snapshot(heart);
    const lost = await heart.take('t/lost');
    await restore();
    await report(heart, []);
    await heart.take('t/taken');

    const { told, overage } = await report(heart, [register('t/lost', { fence: lost })]);

    expect(told[0]!.tag).toBe('renewed');
    expect(overage).toBe(1);
    expect(await inFlightOf(heart)).toEqual({ a1: 2 });
  });

  it('is made again in place of its waiter, where only the grant was lost', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 1 })]);
    const first = await heart.take('t/1', { leaseMs: 9000 });
    await heart.ask(acquire('t/2', { waitMs: 9000, leaseMs: 9000 }));
    const restore = await snapshot(heart);
    await heart.ask(release('t/1', first));
    await restore();

    await report(heart, [register('t/2', { fence: first + 1 })]);

    expect(Object.keys(await leasesOf(heart)).sort()).toEqual(['t/1', 't/2']);
    expect(await waitersOf(heart)).toEqual([]);
  });

  it('is made again once, however often it is registered', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const restore = await snapshot(heart);
    const fence = await heart.take('t/x');
    await restore();

    const twice = [register('t/x', { fence }), register('t/x', { fence })];
    await report(heart, twice);
    const { told } = await report(heart, twice);

    expect(told.map(({ tag }) => tag)).toEqual(['renewed', 'renewed']);
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it('stays lost where its id has ended since', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const restore = await snapshot(heart);
    const fence = await heart.take('t/x');
    await restore();
    await report(heart, [register('t/x', { fence })]);
    await heart.send(release('t/x', fence));
    const before = await dumpOf(heart);

    const { told } = await report(heart, [register('t/x', { fence })]);

    expect(told).toEqual([{ tag: 'lost' }]);
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('is not revived in the batch of its release', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const fence = await heart.take('t/x', { isFresh: true });
    await report(heart, [], { server: 'server-2' });

    const ops = [release('t/x', fence), register('t/x', { fence })];
    const { told } = await report(heart, ops, { server: 'server-2' });

    expect(told.map(({ tag }) => tag)).toEqual(['released', 'lost']);
    expect(await leasesOf(heart)).toEqual({});
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('is known to a whole cell that was made anew', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })], { recoveryMs: 30 });
    heart.now = 30;
    const fence = await heart.take('t/x');
    await heart.redis.del(await heart.redis.keys(`*{${heart.cell}}*`));
    await heart.configure([anAccount({ slots: 2 })]);

    const told = await heart.send(register('t/x', { fence }), check('t/x'));

    expect(told.map(({ tag }) => tag)).toEqual(['renewed', 'leased']);
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
    expect(await counterOf(heart)).toBe('1');
  });
});

describe('fences', () => {
  it('move on to the next incarnation when one is used up, in the middle of a batch', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    await heart.redis.hset(heart.keys.cell, 'grants', PER_INCARNATION - 2);

    const told = await heart.send(acquire('t/1'), acquire('t/2'), acquire('t/3'));
    const next = await heart.take('t/4');

    const fences = [...told.map(({ fence }) => fence!), next];
    expect(fences).toEqual([
      2 * PER_INCARNATION - 1,
      2 * PER_INCARNATION + 1,
      2 * PER_INCARNATION + 2,
      2 * PER_INCARNATION + 3,
    ]);
    expect(heart.incarnation).toBe(2);
  });
});
