// @module-tag redis_required
// A batch is one serial execution: its order, its repeats, and what happens when it comes twice.
import { describe, expect, it } from 'vitest';
import { counterOf, dumpOf, inFlightOf, leasesOf } from '../support/cell-state.ts';
import {
  aHeart,
  acquire,
  anAccount,
  cancel,
  check,
  reap,
  release,
  renew,
} from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

describe('the order within a batch', () => {
  it('releases before it acquires, so that a slot passes on within the batch', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/old');

    const told = await heart.send(acquire('t/new'), release('t/old', fence));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'released']);
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/new']);
  });

  it('reaps before it acquires', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/old', { leaseMs: 10 });
    heart.now = 10;

    const told = await heart.ask(acquire('t/new'));

    expect(told.tag).toBe('granted');
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/new']);
  });

  it('renews before it reaps', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const fence = await heart.take('t/x', { leaseMs: 10 });
    heart.now = 10;

    const told = await heart.send(acquire('t/new'), renew('t/x', fence));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'renewed']);
    expect(await inFlightOf(heart)).toEqual({ a1: 2 });
  });

  it('keeps what came behind an acquire of the same id behind it', async () => {
    const heart = await aHeart(store, [anAccount()]);

    const told = await heart.send(acquire('t/x'), check('t/x'), cancel('t/x'), check('t/x'));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'leased', 'was_granted', 'finished']);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
    expect(await leasesOf(heart)).toEqual({});
    expect(await counterOf(heart)).toBe('0');
  });

  it('executes acquires in the order of their arrival', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);

    const told = await heart.send(acquire('t/1'), acquire('t/2'), acquire('t/3'));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'granted', 'denied']);
  });

  it('gives 64 operations an answer each, at their places', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 20 })]);
    const ids = Array.from({ length: 32 }, (_, i) => `t/${i}`);

    const told = await heart.send(...ids.flatMap((id) => [acquire(id), check(`${id}-other`)]));

    const tags = told.map(({ tag }) => tag);
    expect(tags.filter((_, i) => i % 2 === 0)).toEqual([
      ...Array<string>(20).fill('granted'),
      ...Array<string>(12).fill('denied'),
    ]);
    expect(new Set(tags.filter((_, i) => i % 2 === 1))).toEqual(new Set(['unknown']));
  });

  it('keeps a mistake in one operation away from the others', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);

    const told = await heart.send(acquire('t/1'), acquire('no tenant'), acquire('t/2'));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'error', 'granted']);
  });

  it('answers a reap with all that this batch has reaped', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    await heart.send(acquire('t/1', { leaseMs: 10 }), acquire('t/2', { leaseMs: 20 }));
    heart.now = 20;

    const told = await heart.ask(reap());

    expect(told).toEqual({ tag: 'reaped', slots: 2 });
  });
});

describe('a batch that comes again', () => {
  it('gets the reply that was kept, and is not executed again', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    const head = { batch: 41, track: 3, sequence: 0 };
    const first = await heart.call([acquire('t/1'), acquire('t/2', { isFresh: true })], head);
    const before = await heart.redis.hgetall(heart.keys.cell);

    const again = await heart.call([acquire('t/1'), acquire('t/2', { isFresh: true })], head);

    expect(again).toEqual(first);
    expect(await heart.redis.hgetall(heart.keys.cell)).toEqual(before);
    expect(await inFlightOf(heart)).toEqual({ a1: 2 });
  });

  it('gets its own answers even when the leases have ended meanwhile', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const first = await heart.call([acquire('t/1')], { batch: 1, track: 1 });
    const fence = first.kind === 'ok' ? first.told[0]!.fence! : 0;
    await heart.call([release('t/1', fence)], { batch: 2, track: 2 });

    const again = await heart.call([acquire('t/1')], { batch: 1, track: 1 });

    expect(again).toEqual(first);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('is refused when a later one of its track was executed, and writes nothing', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    await heart.call([acquire('t/2')], { batch: 2, track: 1 });
    const before = await dumpOf(heart);

    const late = await heart.call([acquire('t/1')], { batch: 1, track: 1 });

    expect(late).toEqual({ kind: 'outdated' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('is another batch on another track and of another daemon', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);
    await heart.call([acquire('t/1')], { batch: 7, track: 1 });

    const track = await heart.call([acquire('t/2')], { batch: 7, track: 2 });
    const daemon = await heart.call([acquire('t/3')], { batch: 7, track: 1, daemon: 'daemon-2' });

    expect([track.kind, daemon.kind]).toEqual(['ok', 'ok']);
    expect(await inFlightOf(heart)).toEqual({ a1: 3 });
  });
});

describe('a batch that is not executed', () => {
  it('of a generation that is not the cell’s is stale, and writes nothing', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const before = await dumpOf(heart);

    const reply = await heart.call([acquire('t/1')], { generation: 2 });

    expect(reply).toEqual({ kind: 'stale' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('meets no cell after a loss of everything, and makes none', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.redis.del(await heart.redis.keys(`*{${heart.cell}}*`));

    const reply = await heart.call([acquire('t/1')]);

    expect(reply).toEqual({ kind: 'unconfigured' });
    expect(await heart.redis.keys(`*{${heart.cell}}*`)).toEqual([]);
  });
});

describe('the daemons of a cell', () => {
  it('are remembered with their last tick', async () => {
    const heart = await aHeart(store, [anAccount()]);
    heart.now = 5;
    await heart.call([], { daemon: 'one' });
    heart.now = 9;
    await heart.call([], { daemon: 'two' });

    const stored = await heart.redis.zrange(heart.keys.daemons, '0', '-1', 'WITHSCORES');

    expect(stored).toEqual(['one', '5', 'two', '9', '_', 'inf']);
  });

  it('are forgotten with their kept replies a minute after they have gone', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 3 })]);
    await heart.call([acquire('t/1')], { daemon: 'gone', track: 0 });
    await heart.call([acquire('t/2')], { daemon: 'gone', track: 63 });
    heart.now = 60_000;

    await heart.call([], { daemon: 'here' });

    expect(await heart.redis.zrange(heart.keys.daemons, '0', '-1')).toEqual(['here', '_']);
    expect(await heart.redis.hkeys(heart.keys.replies)).toEqual(['_']);
  });
});
