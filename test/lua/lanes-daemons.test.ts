// @module-tag redis_required
// Lanes over several daemons, some of which fall silent or lose their data; and lanes alone, without
// an account.
import { describe, expect, it } from 'vitest';
import { leasesOf } from '../support/cell-state.ts';
import { Heart, aHeart, acquire, anAccount, register, release } from '../support/heart.ts';
import { anotherDaemon, laned } from '../support/laned.ts';
import type { LaneWish } from '../support/laned.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const TEN = () => [anAccount({ slots: 10 })];

describe('a lane over several daemons', () => {
  const LONG = { waitMs: 60_000, leaseMs: 50_000 };

  it('is handed on to another daemon’s request, which claims it', async () => {
    const heart = await aHeart(store, TEN());
    const other = await anotherDaemon(heart, 'daemon-2');
    const fence = (await heart.ask(laned('t/1', LONG))).fence!;
    await other.ask(laned('t/2', LONG));
    await heart.ask(release('t/1', fence));

    const claimed = await other.ask(laned('t/2', LONG));
    other.now = 3000;
    await other.news();

    expect(claimed).toMatchObject({ tag: 'replayed', fence: fence + 1 });
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/2']);
  });

  it('is not held up longer than a claim time by a daemon that died', async () => {
    const heart = await aHeart(store, TEN());
    const dead = await anotherDaemon(heart, 'dead');
    const fence = (await heart.ask(laned('t/1', LONG))).fence!;
    await dead.send(...Array.from({ length: 100 }, (_, i) => laned(`t/d${i}`, LONG)).slice(0, 60));
    await dead.send(...Array.from({ length: 30 }, (_, i) => laned(`t/e${i}`, LONG)));
    await heart.ask(laned('t/live', LONG));
    await heart.ask(release('t/1', fence));
    heart.now = 2000;

    const news = await heart.news();
    const later = await heart.news();

    expect({ ...news, ...later }).toMatchObject({ 't/live': { tag: 'granted' } });
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/live']);
  });

  it('lets the requests of a daemon that comes back stand behind', async () => {
    const heart = await aHeart(store, TEN());
    const slow = await anotherDaemon(heart, 'slow');
    const fence = (await heart.ask(laned('t/1', LONG))).fence!;
    await slow.ask(laned('t/slow', LONG));
    await heart.send(laned('t/2', LONG), laned('t/3', LONG));
    await heart.ask(release('t/1', fence));
    heart.now = 2000;
    const first = await heart.news();
    slow.now = 2001;
    await slow.news();

    const second = await heart.news(release('t/2', first['t/2']!.fence!));
    slow.now = heart.now = 2002;
    await heart.ask(release('t/3', second['t/3']!.fence!));
    const third = await slow.ask(laned('t/slow', LONG));

    expect(second).toMatchObject({ 't/3': { tag: 'granted' } });
    expect(third.tag).toBe('replayed');
  });

  it('is its holder’s again after a loss of data, and its waiters stand in their old order', async () => {
    const heart = await aHeart(store, TEN());
    const held = await heart.ask(laned('t/1', LONG));
    await heart.redis.flushdb();
    const again = await aLossOf(heart);
    const session = { digest: 's1', isSticky: false, isLane: true };

    await again.ask(laned('t/3', { ...LONG, arrivedAt: 30 }));
    await again.ask(laned('t/2', { ...LONG, arrivedAt: 20 }));
    const back = { ...register('t/1', { fence: held.fence!, leaseMs: 50_000 }), session };
    const registered = await again.ask(back);
    again.now += 1000;
    const order = [];
    for (let [id, fence] = ['t/1', held.fence!]; id !== '';) {
      order.push(id);
      const [[next, grant] = ['', undefined]] = Object.entries(
        await again.news(release(id, fence)),
      );
      [id, fence] = [next, grant?.fence ?? 0];
    }

    expect(registered.tag).toBe('renewed');
    expect(order).toEqual(['t/1', 't/2', 't/3']);
  });

  it('orders those that it knew by their arrival, though a later one comes back first', async () => {
    const heart = await aHeart(store, TEN());
    await heart.redis.flushdb();
    const again = await aLossOf(heart);

    await again.ask(laned('t/3', { ...LONG, arrivedAt: 30 }));
    await again.ask(laned('t/2', { ...LONG, arrivedAt: 20 }));
    await again.ask(laned('t/4', { ...LONG, arrivedAt: 40 }));
    again.now = 1000;
    const first = await again.news();
    const second = await again.news(release('t/2', first['t/2']!.fence!));

    expect(Object.keys(first)).toEqual(['t/2']);
    expect(Object.keys(second)).toEqual(['t/3']);
  });
});

/** The same cell as another server has it that knows nothing, in its recovery. */
async function aLossOf(heart: Heart): Promise<Heart> {
  const again = new Heart(heart.redis, { cell: heart.cell, recoveryMs: 500, server: 'server-2' });
  again.now = 100;
  again.incarnation = heart.incarnation;
  await again.configure(TEN());
  return again;
}

describe('a lane alone', () => {
  const alone = (id: string, wish: LaneWish = {}) => laned(id, { targets: [], ...wish });

  it('takes no slot, and no tenant’s rates, slots or budget', async () => {
    const admission = {
      timeZone: 'UTC',
      budget: { warnMicro: 1, stopMicro: 0, period: 'none' },
      tenants: [
        { name: 't', weight: 1, maxConcurrency: 1, requestsPerMinute: 1, requestsBurst: 1 },
      ],
    } as const;
    const heart = await aHeart(store, [anAccount()], { admission });

    const fence = await heart.take('t/0');

    const told = await heart.send(alone('t/1'), alone('t/2', { of: 's2' }));
    await heart.send(release('t/1', told[0]!.fence!), release('t/2', told[1]!.fence!));
    const other = await heart.ask(acquire('t/3'));
    await heart.ask(release('t/0', fence));

    const { redis, keys } = heart;
    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'granted']);
    expect(other).toMatchObject({ tag: 'denied', reason: 'tenant_concurrency' });
    expect(await redis.hget(keys.inflight, 'a1')).toBe('0');
    await expectAllGone(heart);
  });

  it('is handed on in the script that frees it, in order, with rising fences', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = (await heart.ask(alone('t/1'))).fence!;
    await heart.send(alone('t/2'), alone('t/3'));

    const first = await heart.news(release('t/1', fence));
    const second = await heart.news(release('t/2', first['t/2']!.fence!));

    expect(first).toMatchObject({ 't/2': { tag: 'granted', fence: fence + 1 } });
    expect(second).toMatchObject({ 't/3': { tag: 'granted', fence: fence + 2 } });
  });

  it('goes to the next one when its lease has ended', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.ask(alone('t/1'));
    await heart.ask(alone('t/2'));
    heart.now = 100;

    const news = await heart.news();

    expect(news).toMatchObject({ 't/2': { tag: 'granted' } });
  });

  it('shares its order with requests that want an account', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = (await heart.ask(alone('t/1'))).fence!;
    await heart.send(laned('t/2'), alone('t/3'));

    const first = await heart.news(release('t/1', fence));
    const second = await heart.news(release('t/2', first['t/2']!.fence!));

    expect(first).toMatchObject({ 't/2': { tag: 'granted', account: 'a1' } });
    expect(second).toMatchObject({ 't/3': { tag: 'granted', account: '' } });
  });

  it('waits until a recovery is over, and is registered again by its holder', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const held = await heart.ask(alone('t/1', { leaseMs: 9000 }));
    await heart.redis.flushdb();
    const again = await aLossOf(heart);
    const session = { digest: 's1', isSticky: false, isLane: true };
    const back = {
      ...register('t/1', { fence: held.fence!, leaseMs: 9000 }),
      holding: '',
      session,
    };

    const queued = await again.ask(alone('t/2', { leaseMs: 9000 }));
    const other = await again.ask(alone('t/3', { of: 's2', leaseMs: 9000 }));
    const registered = await again.ask(back);
    again.now = 600;
    const news = await again.news();
    const next = await again.news(release('t/1', held.fence!));

    expect([queued.tag, other.tag, registered.tag]).toEqual(['queued', 'queued', 'renewed']);
    expect(Object.keys(news)).toEqual(['t/3']);
    expect(Object.keys(next)).toEqual(['t/2']);
  });

  it('is asked for with a session that is a lane, else the demand is unknown', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const session = { digest: 's1', isSticky: true, isLane: false };

    const told = await heart.send(acquire('t/1', { targets: [], session }), alone('t/2'));

    expect(told).toMatchObject([{ tag: 'error', mistake: 'unknown_demand' }, { tag: 'granted' }]);
  });
});

async function expectAllGone({ redis, keys }: Heart): Promise<void> {
  expect(await redis.hkeys(keys.requests)).toEqual(['_']);
  expect(await redis.hkeys(keys.lanes)).toEqual(['_']);
}
