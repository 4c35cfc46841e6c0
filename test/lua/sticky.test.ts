// @module-tag redis_required
// Sticky sessions: the account that served a session serves it again where it can; a session that
// had to go elsewhere stays with its account, until that one cannot serve it any more.
import { describe, expect, it } from 'vitest';
import { dumpOf, inFlightOf, waitersOf } from '../support/cell-state.ts';
import { GPT4, aHeart, acquire, anAccount, cancel, release } from '../support/heart.ts';
import type { AcquireWish, Heart } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** Of the session `s1`, unless told otherwise. */
const sticky = (id: string, { of = 's1', ...wish }: AcquireWish & { of?: string } = {}) =>
  acquire(id, { session: { digest: of, isSticky: true, isLane: false }, ...wish });

const three = () => ['a1', 'a2', 'a3'].map((name) => anAccount({ name }));

/** The session has one request on its account, which has ended. Returns the account. */
async function bind(heart: Heart, of = 's1'): Promise<string> {
  const { account, fence } = await heart.ask(sticky(`t/bind-${of}`, { of }));
  await heart.ask(release(`t/bind-${of}`, fence!));
  return account!;
}

describe('a session', () => {
  it('is served by the account that served it before, not by the one whose turn it is', async () => {
    const heart = await aHeart(store, three());
    const account = await bind(heart);
    const told = [];

    for (const id of ['t/1', 't/2', 't/3']) {
      const grant = await heart.ask(sticky(id));
      told.push({ account: grant.account, sticky: grant.sticky });
      await heart.ask(release(id, grant.fence!));
    }

    expect(told).toEqual([1, 2, 3].map(() => ({ account, sticky: 'hit' })));
  });

  it('goes elsewhere while its account is full, and comes back', async () => {
    const heart = await aHeart(store, three());
    const account = await bind(heart);
    const first = await heart.ask(sticky('t/1'));

    const second = await heart.ask(sticky('t/2'));
    await heart.send(release('t/1', first.fence!));
    const third = await heart.ask(sticky('t/3'));

    expect(second).toMatchObject({ tag: 'granted', sticky: 'spilled' });
    expect(second.account).not.toBe(account);
    expect(third).toMatchObject({ account, sticky: 'hit' });
  });

  it.each([
    ['is gone', [anAccount({ name: 'a2' })]],
    ['is disabled', [anAccount({ enabled: false }), anAccount({ name: 'a2' })]],
    ['serves the model no more', [anAccount({ models: ['other'] }), anAccount({ name: 'a2' })]],
  ])('is bound to another account once its own %s', async (_, accounts) => {
    const heart = await aHeart(store, [anAccount()]);
    await bind(heart);
    await heart.configure(accounts);

    const first = await heart.ask(sticky('t/1', { leaseMs: 9000 }));
    await heart.ask(release('t/1', first.fence!));
    await heart.configure([anAccount(), anAccount({ name: 'a2' })]);
    const second = await heart.ask(sticky('t/2'));

    expect(first).toMatchObject({ account: 'a2', sticky: 'rebound' });
    expect(second).toMatchObject({ account: 'a2', sticky: 'hit' });
  });

  it('is told which of the targets its account serves', async () => {
    const backup = { pool: 'backup', model: 'gpt-4' };
    const heart = await aHeart(store, [anAccount(), anAccount({ name: 'b1', pool: 'backup' })]);
    const first = await heart.ask(sticky('t/1', { targets: [backup] }));
    await heart.ask(release('t/1', first.fence!));

    const told = await heart.ask(sticky('t/2', { targets: [GPT4, backup] }));

    expect(told).toMatchObject({ account: 'b1', targetIndex: 1, sticky: 'hit' });
  });

  it('finds its account in a class of odd sets of models', async () => {
    const odd = Array.from({ length: 20 }, (_, i) =>
      anAccount({ name: `a${i}`, models: ['gpt-4', `own-${i}`] }),
    );
    const heart = await aHeart(store, odd);
    const own = { pool: 'openai', model: 'own-3' };
    const first = await heart.ask(sticky('t/1', { targets: [own] }));
    await heart.ask(release('t/1', first.fence!));

    const told = await heart.ask(sticky('t/2'));
    const other = await heart.ask(
      sticky('t/3', { of: 's2', targets: [{ ...own, model: 'own-4' }] }),
    );

    expect(told).toMatchObject({ account: 'a3', sticky: 'hit' });
    expect(other).toMatchObject({ account: 'a4', sticky: 'bound' });
  });

  it('of another tenant is another session', async () => {
    const heart = await aHeart(store, three());
    await bind(heart);

    const told = await heart.ask(sticky('other/1'));

    expect(told.sticky).toBe('bound');
  });

  it('is forgotten when its life is over, counted from its last request', async () => {
    const heart = await aHeart(store, three());
    heart.settings = { sessionMs: 1000 };
    const account = await bind(heart);
    heart.now = 900;
    const used = await heart.ask(sticky('t/1'));
    await heart.ask(release('t/1', used.fence!));

    heart.now = 1899;
    const alive = await heart.ask(sticky('t/2'));
    await heart.ask(release('t/2', alive.fence!));
    heart.now = 2900;
    const forgotten = await heart.ask(sticky('t/3'));

    expect([used.sticky, alive.sticky, forgotten.sticky]).toEqual(['hit', 'hit', 'bound']);
    expect(alive.account).toBe(account);
  });

  it('writes nothing in the steady state', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await bind(heart);
    const before = await heart.redis.hgetall(heart.keys.sessionsBefore);
    const young = await heart.ask(sticky('t/1'));
    await heart.ask(release('t/1', young.fence!));
    const settled = await heart.redis.hgetallBuffer(heart.keys.sessions);

    heart.now = 100;
    const told = await heart.ask(sticky('t/2'));

    expect(told.sticky).toBe('hit');
    expect(Object.keys(before)).toContain('t/s1');
    expect(await heart.redis.hgetallBuffer(heart.keys.sessions)).toEqual(settled);
  });

  it('is remembered beside no more than two generations of others', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 200 })]);
    heart.settings = { maxSessions: 10 };

    for (let i = 0; i < 100; i += 1) await heart.ask(sticky(`t/${i}`, { of: `s${i}` }));

    const { redis, keys } = heart;
    const [young, old] = await Promise.all([
      redis.hlen(keys.sessions),
      redis.hlen(keys.sessionsBefore),
    ]);
    expect(young + old).toBeLessThanOrEqual(2 * 12);
    expect(await heart.ask(sticky('t/again', { of: 's99' }))).toMatchObject({ sticky: 'hit' });
  });

  it('is bound by a grant that was handed off, and told so in the notice', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/0');
    await heart.ask(sticky('t/1', { waitMs: 1000 }));

    const news = await heart.news(release('t/0', fence));
    await heart.ask(release('t/1', news['t/1']!.fence!));

    expect(news).toMatchObject({ 't/1': { tag: 'granted', sticky: 'bound' } });
    expect(await heart.ask(sticky('t/2'))).toMatchObject({ sticky: 'hit' });
  });

  it('is told again to who asks again', async () => {
    const heart = await aHeart(store, three());
    await bind(heart);
    const first = await heart.ask(sticky('t/1'));

    const again = await heart.ask(sticky('t/1'));

    expect(again).toEqual({ ...first, tag: 'replayed' });
  });

  it('that is refused changes nothing', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/0');
    const before = await dumpOf(heart);

    const told = await heart.ask(sticky('t/1'));

    expect(told).toMatchObject({ tag: 'denied', reason: 'pool_full' });
    expect(await dumpOf(heart)).toEqual(before);
  });
});

describe('a session that may wait for its account', () => {
  /** Bound to a1, which is full while a2 is free. */
  async function bound() {
    const heart = await aHeart(store, [anAccount()]);
    heart.settings = { preferMs: 50 };
    await bind(heart);
    await heart.configure([anAccount(), anAccount({ name: 'a2' })]);
    const busy = await heart.ask(sticky('t/0', { leaseMs: 9000 }));
    return { heart, release: () => release('t/0', busy.fence!) };
  }

  it('gets it as soon as it is free', async () => {
    const { heart, release: free } = await bound();
    const queued = await heart.ask(sticky('t/1', { waitMs: 1000 }));
    heart.now = 30;

    const news = await heart.news(free());

    expect(queued.tag).toBe('queued');
    expect(news).toMatchObject({ 't/1': { tag: 'granted', account: 'a1', sticky: 'hit' } });
    expect(await waitersOf(heart)).toEqual([]);
  });

  it('takes another one when the time is over', async () => {
    const { heart } = await bound();
    await heart.ask(sticky('t/1', { waitMs: 1000 }));
    heart.now = 49;
    const early = await heart.news();
    heart.now = 50;

    const news = await heart.news();

    expect(early).toEqual({});
    expect(news).toMatchObject({ 't/1': { tag: 'granted', account: 'a2', sticky: 'spilled' } });
  });

  it('takes another one at once where it may not wait at all', async () => {
    const { heart } = await bound();

    const told = await heart.ask(sticky('t/1'));

    expect(told).toMatchObject({ tag: 'granted', account: 'a2', sticky: 'spilled' });
  });

  it('is in nobody’s way: others take the other account meanwhile', async () => {
    const { heart } = await bound();
    await heart.ask(sticky('t/1', { waitMs: 1000 }));

    const told = await heart.ask(acquire('t/2'));

    expect(told).toMatchObject({ tag: 'granted', account: 'a2' });
  });

  it('goes before those that came later, when everything is full meanwhile', async () => {
    const { heart, release: free } = await bound();
    await heart.ask(sticky('t/1', { waitMs: 1000 }));
    await heart.take('t/2', { leaseMs: 9000 });
    await heart.ask(acquire('t/3', { waitMs: 1000 }));

    const news = await heart.news(free());

    expect(news).toMatchObject({ 't/1': { tag: 'granted', account: 'a1' } });
    expect(await waitersOf(heart)).toEqual(['t/3']);
  });

  it('takes another one before it would be refused by its deadline', async () => {
    const { heart } = await bound();
    await heart.ask(sticky('t/1', { waitMs: 20 }));
    heart.now = 10;

    const news = await heart.news();

    expect(news).toMatchObject({ 't/1': { tag: 'granted', account: 'a2' } });
  });

  it('leaves nothing behind when it gives up, or goes elsewhere', async () => {
    const { heart } = await bound();
    await heart.send(sticky('t/1', { waitMs: 1000 }), sticky('t/2', { waitMs: 20 }));
    await heart.ask(cancel('t/1'));
    heart.now = 10;

    await heart.news();

    const { redis, keys } = heart;
    expect(await waitersOf(heart)).toEqual([]);
    expect(await redis.zrange(keys.line, '0', '-1')).toEqual(['_']);
    expect(await redis.zrange(keys.timers, '0', '-1')).toEqual(['_']);
    expect(await inFlightOf(heart)).toEqual({ a1: 1, a2: 1 });
  });
});
