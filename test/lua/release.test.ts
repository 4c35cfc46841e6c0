// @module-tag redis_required
// release, cancel and check: how a request ends, and what became of it.
import { describe, expect, it } from 'vitest';
import {
  classOf,
  counterOf,
  dumpOf,
  finishedOf,
  inFlightOf,
  leasesOf,
  wheelOf,
} from '../support/cell-state.ts';
import { OUTCOMES } from '../../src/core/domain.ts';
import { aHeart, acquire, anAccount, cancel, check, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

describe('release', () => {
  it('frees the slot, its counts and its place in the class', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    const whileFull = await classOf(heart);

    const told = await heart.ask(release('t/x', fence));

    expect(told).toEqual({ tag: 'released' });
    expect(whileFull).toEqual([]);
    expect(await classOf(heart)).toEqual(['a1']);
    expect(await leasesOf(heart)).toEqual({});
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
    expect(await counterOf(heart)).toBe('0');
  });

  it('does not touch the wheel', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');

    await heart.ask(release('t/x', fence));

    expect(await wheelOf(heart)).toEqual([{ at: 100, ids: ['t/x'] }]);
  });

  it.each(OUTCOMES)('accepts the outcome %s', async (outcome) => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');

    const told = await heart.ask(release('t/x', fence, outcome));

    expect(told).toEqual({ tag: 'released' });
  });

  it('a second time is already done and writes nothing', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const fence = await heart.take('t/x');
    await heart.take('t/other');
    await heart.send(release('t/x', fence));
    const before = await dumpOf(heart);

    const told = await heart.ask(release('t/x', fence));

    expect(told).toEqual({ tag: 'already' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('three times in one batch counts once', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const fence = await heart.take('t/x');
    await heart.send(acquire('t/1'), acquire('t/2'));

    const once = release('t/x', fence);
    const told = await heart.send(once, once, once);

    expect(told.map(({ tag }) => tag)).toEqual(['released', 'already', 'already']);
    expect(await inFlightOf(heart)).toEqual({ a1: 2 });
    expect(await counterOf(heart)).toBe('2');
  });

  it.each([
    ['a later fence', 1],
    ['an earlier fence', -1],
  ])('with %s never frees the slot of somebody else', async (_, by) => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    const before = await dumpOf(heart);

    const told = await heart.ask(release('t/x', fence + by));

    expect(told).toEqual({ tag: 'already' });
    expect(await dumpOf(heart)).toEqual(before);
  });
});

describe('cancel', () => {
  it('of a held id frees its slot without knowing its fence', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');

    const told = await heart.ask(cancel('t/x'));

    expect(told).toEqual({ tag: 'was_granted', fence });
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
    expect(await leasesOf(heart)).toEqual({});
  });

  it('of an unseen id refuses the acquire that comes too late, which writes nothing', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const told = await heart.ask(cancel('t/x'));
    const before = await dumpOf(heart);

    const late = await heart.ask(acquire('t/x'));

    expect(told).toEqual({ tag: 'cancelled' });
    expect(late).toEqual({ tag: 'denied', reason: 'cancelled', retryAfterMs: 0 });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('of an unseen id counts before an acquire of the same batch', async () => {
    const heart = await aHeart(store, [anAccount()]);

    const told = await heart.send(cancel('t/x'), acquire('t/x'));

    expect(told.map(({ tag }) => tag)).toEqual(['cancelled', 'denied']);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it.each([
    ['cancelled', (fence: number) => [cancel('t/x'), release('t/x', fence)]],
    ['released', (fence: number) => [release('t/x', fence)]],
  ])('of a %s id is already done and writes nothing', async (_, end) => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    await heart.send(...end(fence));
    const before = await dumpOf(heart);

    const told = await heart.ask(cancel('t/x'));

    expect(told).toEqual({ tag: 'already' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('leaves one tombstone however often it is asked', async () => {
    const heart = await aHeart(store, [anAccount()]);

    await heart.send(cancel('t/x'), cancel('t/x'));
    await heart.send(cancel('t/x'));

    const { younger, older } = await finishedOf(heart);
    expect([...younger, ...older]).toEqual(['t/x']);
  });
});

describe('check', () => {
  it('tells leased, finished and unknown ids apart and writes nothing', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const fence = await heart.take('t/held');
    const done = await heart.take('t/done');
    await heart.send(release('t/done', done), cancel('t/never'));
    const before = await dumpOf(heart);

    const told = await heart.send(
      check('t/held'),
      check('t/done'),
      check('t/never'),
      check('t/unseen'),
    );

    expect(told).toEqual([
      { tag: 'leased', fence, expiresAt: 100 },
      { tag: 'finished' },
      { tag: 'finished' },
      { tag: 'unknown' },
    ]);
    expect(await dumpOf(heart)).toEqual(before);
  });
});
