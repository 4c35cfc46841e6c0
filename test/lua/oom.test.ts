// @module-tag redis_required
// A Redis that is out of memory: the entry `tick_oom` gives back and renews, and grants nothing.
import { afterEach, describe, expect, it } from 'vitest';
import { dumpOf, inFlightOf, leasesOf } from '../support/cell-state.ts';
import { aHeart, acquire, anAccount, cancel, check, release, renew } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis({ settings: { 'maxmemory-policy': 'noeviction' } });
const OOM = { entry: 'tick_oom' } as const;

describe('tick_oom', () => {
  it('grants nothing and writes nothing for it', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const before = await dumpOf(heart);

    const reply = await heart.call([acquire('t/1'), acquire('t/2', { isFresh: true })], OOM);

    const refused = { tag: 'error', mistake: 'out_of_memory' };
    expect(reply).toMatchObject({ kind: 'ok', told: [refused, refused] });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('does everything else', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const [one, two, three] = (
      await heart.send(acquire('t/1'), acquire('t/2'), acquire('t/3', { leaseMs: 10 }))
    ).map(({ fence }) => fence!);
    heart.now = 5;

    const ops = [release('t/1', one!), renew('t/2', two!), cancel('t/9'), check('t/2')];
    const reply = await heart.call([...ops, release('t/3', three! + 1)], OOM);
    heart.now = 10;
    const idle = await heart.call([], OOM);

    const tags = reply.kind === 'ok' ? reply.told.map(({ tag }) => tag) : [];
    expect(tags).toEqual(['released', 'renewed', 'cancelled', 'leased', 'already']);
    expect(idle).toMatchObject({ report: { reaped: 1 } });
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/2']);
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it('shares the kept replies with tick: one batch is never executed by both', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const granted = await heart.call([acquire('t/1')], { batch: 1, track: 5 });

    const again = await heart.call([acquire('t/1')], { ...OOM, batch: 1, track: 5 });

    expect(again).toEqual(granted);
  });
});

describe('a server whose memory is full', () => {
  afterEach(async () => {
    await store.redis.config('SET', 'maxmemory', '0');
  });

  it('refuses tick before it runs, and runs tick_oom', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const fence = await heart.take('t/x');
    const before = await dumpOf(heart);
    await store.redis.config('SET', 'maxmemory', '1');

    await expect(heart.send(acquire('t/y'))).rejects.toThrow(/OOM command not allowed/);
    const whileFull = await dumpOf(heart);
    const reply = await heart.call([renew('t/x', fence, 200), acquire('t/y')], OOM);
    const given = await heart.call([release('t/x', fence)], OOM);
    await store.redis.config('SET', 'maxmemory', '0');
    const later = await heart.ask(acquire('t/z'));

    expect(whileFull).toEqual(before);
    expect(reply).toMatchObject({ told: [{ tag: 'renewed', expiresAt: 200 }, { tag: 'error' }] });
    expect(given).toMatchObject({ told: [{ tag: 'released' }] });
    expect(later.tag).toBe('granted');
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });
});
