// @module-tag redis_required
// Waiters of several daemons: grants that are published, claimed or not, and daemons that fall silent.
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../src/scheduler/notices.ts';
import { leasesOf, waitersOf } from '../support/cell-state.ts';
import { Heart, aHeart, acquire, anAccount, release, renew } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const waiting = (id: string, wish = {}) => acquire(id, { waitMs: 1000, ...wish });

/** A second daemon on the same cell. */
async function anotherDaemon(heart: Heart, name: string): Promise<Heart> {
  const other = new Heart(heart.redis, { cell: heart.cell, daemon: name });
  await other.adopt();
  return other;
}

describe('a grant for another daemon', () => {
  it('is published on its channel, and lasts once it is claimed', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const other = await anotherDaemon(heart, 'daemon-2');
    const subscriber = await store.connect();
    const messages: Buffer[] = [];
    subscriber.on('smessageBuffer', (_: Buffer, message: Buffer) => messages.push(message));
    await subscriber.ssubscribe(`${heart.keys.cell.replace(/cell$/, '')}daemon:daemon-2`);
    const fence = await heart.take('t/1', { leaseMs: 9000 });
    await other.ask(waiting('t/2', { waitMs: 20_000, leaseMs: 9000 }));

    await heart.ask(release('t/1', fence));
    await expect.poll(() => messages.length).toBe(1);
    const claimed = await other.ask(waiting('t/2', { waitMs: 20_000, leaseMs: 9000 }));
    other.now = 3000;
    const later = await other.news();

    const { notices, ...pair } = decodeMessage(messages[0]!);
    expect(heart.inWords(notices)).toMatchObject({ 't/2': { tag: 'granted', fence: fence + 1 } });
    expect(notices).toMatchObject([{ id: 't/2', answer: { claimMs: 2000 } }]);
    expect(pair).toEqual({ incarnation: heart.incarnation, sequence: heart.sequence });
    expect(claimed).toMatchObject({ tag: 'replayed', fence: fence + 1 });
    expect(later).toEqual({});
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/2']);
    expect(await waitersOf(heart)).toEqual([]);
  });

  it('lasts as well once it is renewed', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const other = await anotherDaemon(heart, 'daemon-2');
    const long = { waitMs: 20_000, leaseMs: 9000 };
    const fence = await heart.take('t/1', long);
    await other.ask(acquire('t/2', long));
    await heart.ask(release('t/1', fence));

    const renewed = await other.ask(renew('t/2', fence + 1, 9000));
    heart.now = 3000;
    const later = await heart.news();

    expect(renewed).toMatchObject({ tag: 'renewed', fence: fence + 1 });
    expect(later).toEqual({});
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/2']);
    expect(await waitersOf(heart)).toEqual([]);
  });

  it('that is claimed in the tick that takes it back is made again by the next, at once', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const other = await anotherDaemon(heart, 'daemon-2');
    const long = { waitMs: 20_000, leaseMs: 9000 };
    const fence = await heart.take('t/1', long);
    await other.ask(acquire('t/2', long));
    await heart.ask(release('t/1', fence));
    other.now = 2000;

    const late = await other.call([acquire('t/2', long)]);
    const next = await other.news();

    expect(late).toMatchObject({ kind: 'ok', told: [{ tag: 'queued' }], report: { more: true } });
    expect(next).toMatchObject({ 't/2': { tag: 'granted', fence: fence + 2 } });
  });

  it('that was taken back is not renewed', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const other = await anotherDaemon(heart, 'daemon-2');
    const long = { waitMs: 20_000, leaseMs: 9000 };
    const fence = await heart.take('t/1', long);
    await other.ask(acquire('t/2', long));
    await heart.send(acquire('t/3', long), release('t/1', fence));
    heart.now = 2000;
    await heart.news();
    other.now = 2000;

    const renewed = await other.ask(renew('t/2', fence + 1, 9000));

    expect(renewed).toEqual({ tag: 'lost' });
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/3']);
  });

  it('that nobody claims goes on to the next one, and its daemon is not looked at again', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const dead = await anotherDaemon(heart, 'dead');
    const long = { waitMs: 60_000, leaseMs: 50_000 };
    const fence = await heart.take('t/1', long);
    await dead.send(...Array.from({ length: 20 }, (_, i) => acquire(`t/d${i}`, long)));
    await heart.ask(acquire('t/live', long));
    await heart.ask(release('t/1', fence));
    heart.now = 2000;

    const news = await heart.news();

    expect(news).toMatchObject({ 't/live': { tag: 'granted' } });
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/live']);
  });

  it('whose daemon ticks again finds its waiters at their places', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const slow = await anotherDaemon(heart, 'slow');
    const long = { waitMs: 60_000, leaseMs: 50_000 };
    const fence = await heart.take('t/1', long);
    await slow.send(acquire('t/s1', long), acquire('t/s2', long));
    await heart.ask(release('t/1', fence));
    heart.now = 2000;
    await heart.news();
    slow.now = 2001;

    const news = await slow.news();
    const again = news['t/s1'] === undefined ? await slow.news() : news;

    expect(again).toMatchObject({ 't/s1': { tag: 'granted' } });
    expect(await waitersOf(heart)).toEqual(['t/s2']);
  });

  it('with a short lease is taken back before the lease ends, and its waiter waits on', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const slow = await anotherDaemon(heart, 'slow');
    const fence = await heart.take('t/1', { leaseMs: 5000 });
    await slow.ask(acquire('t/s1', { waitMs: 9000, leaseMs: 200 }));
    await heart.ask(release('t/1', fence));
    heart.now = 100;

    await heart.news();

    expect(await leasesOf(heart)).toEqual({});
    expect(await waitersOf(heart)).toEqual(['t/s1']);
  });

  it('that comes back after the deadline of its waiter refuses it', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const slow = await anotherDaemon(heart, 'slow');
    const fence = await heart.take('t/1', { leaseMs: 5000 });
    await slow.ask(acquire('t/s1', { waitMs: 50, leaseMs: 5000 }));
    await heart.ask(release('t/1', fence));
    heart.now = 2000;
    await heart.news();

    heart.now = 2001;
    await heart.news();

    expect(await waitersOf(heart)).toEqual([]);
  });
});
