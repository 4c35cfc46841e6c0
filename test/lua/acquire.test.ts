// @module-tag redis_required
// acquire: a new id gets a slot or a reason; the same id and claim again is the same lease.
import { describe, expect, it } from 'vitest';
import {
  counterOf,
  dumpOf,
  finishedOf,
  inFlightOf,
  leasesOf,
  wheelOf,
} from '../support/cell-state.ts';
import { GPT4, aHeart, acquire, anAccount, cancel, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

describe('acquire', () => {
  it('takes a slot and writes the whole lease record', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    heart.now = 7;

    const told = await heart.ask(acquire('t/x', { leaseMs: 30 }));

    expect(told).toEqual({
      tag: 'granted',
      account: 'a1',
      target: 'openai:gpt-4',
      targetIndex: 0,
      fence: 2 ** 28 + 1,
      expiresAt: 37,
    });
    expect(await leasesOf(heart)).toEqual({
      't/x': {
        flags: 0,
        state: 1,
        attempt: 1,
        model: 0,
        tokens: 0,
        reserveMicro: 0,
        fence: 2 ** 28 + 1,
        grantedAtMs: 7,
        expiresAtMs: 37,
        account: 'a1',
        daemon: 'daemon-1',
        session: '',
      },
    });
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
    expect(await counterOf(heart)).toBe('1');
    expect(await wheelOf(heart)).toEqual([{ at: 37, ids: ['t/x'] }]);
  });

  it('keeps tokens and reserve for the day of settling', async () => {
    const heart = await aHeart(store, [anAccount()]);

    await heart.send({
      ...acquire('t/x'),
      tokens: 900,
      reserveMicro: 12_345,
    } as ReturnType<typeof acquire>);

    expect((await leasesOf(heart))['t/x']).toMatchObject({ tokens: 900, reserveMicro: 12_345 });
  });

  it('gives every grant a higher fence', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 10 })]);

    const told = await heart.send(acquire('t/1'), acquire('t/2'));
    const later = await heart.send(acquire('t/3'), acquire('t/4'));

    const fences = [...told, ...later].map(({ fence }) => fence);
    expect(fences).toEqual([...fences].sort((a, b) => a! - b!));
    expect(new Set(fences).size).toBe(4);
  });

  it('is denied and writes nothing when every account is full', async () => {
    const heart = await aHeart(store, [anAccount({ name: 'a1' }), anAccount({ name: 'a2' })]);
    await heart.send(acquire('t/1'), acquire('t/2'));
    const before = await dumpOf(heart);

    const told = await heart.ask(acquire('t/3'));

    expect(told).toEqual({ tag: 'denied', reason: 'pool_full', retryAfterMs: 0 });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('is denied and writes nothing when no account serves the model', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const before = await dumpOf(heart);

    const told = await heart.send(
      acquire('t/1', { targets: [{ pool: 'openai', model: 'gpt-5' }] }),
      acquire('t/2', { targets: [{ pool: 'nowhere', model: 'gpt-4' }] }),
    );

    const denied = { tag: 'denied', reason: 'no_account_for_model', retryAfterMs: 0 };
    expect(told).toEqual([denied, denied]);
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('names the full target rather than the unknown one when it asks for both', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1');

    const told = await heart.ask(
      acquire('t/2', { targets: [GPT4, { pool: 'openai', model: 'gpt-5' }] }),
    );

    expect(told.reason).toBe('pool_full');
  });
});

describe('the same id again', () => {
  it('with the same claim is the same lease, and takes no second slot', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const first = await heart.ask(acquire('t/x'));
    const before = await dumpOf(heart);

    const again = await heart.ask(acquire('t/x'));

    expect(again).toEqual({ ...first, tag: 'replayed' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('in one batch is granted once and replayed once', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);

    const [first, again] = await heart.send(acquire('t/x'), acquire('t/x'));

    expect(again).toEqual({ ...first, tag: 'replayed' });
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it('is replayed to its claim even where the pool is full meanwhile', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');

    const again = await heart.ask(acquire('t/x'));

    expect(again).toMatchObject({ tag: 'replayed', fence });
  });

  it('lives on for its whole life again, as its caller will believe', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/x', { leaseMs: 100 });
    heart.now = 90;

    const again = await heart.ask(acquire('t/x', { leaseMs: 100 }));

    expect(again.expiresAt).toBe(190);
    expect((await leasesOf(heart))['t/x']?.expiresAtMs).toBe(190);
  });

  it.each([
    ['another holder', { holder: 'somebody else' }],
    ['another life', { leaseMs: 101 }],
    ['other targets', { targets: [GPT4, { pool: 'openai', model: 'gpt-5' }] }],
  ])('with %s is a duplicate request and writes nothing', async (_, wish) => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    await heart.take('t/x');
    const before = await dumpOf(heart);

    const told = await heart.ask(acquire('t/x', wish));

    expect(told).toEqual({ tag: 'error', mistake: 'duplicate_request' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('of another tenant is another request', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);

    const told = await heart.send(acquire('t/x'), acquire('u/x'));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'granted']);
  });

  it('after its release is a duplicate request and writes nothing', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const fence = await heart.take('t/x');
    await heart.send(release('t/x', fence));
    const before = await dumpOf(heart);

    const told = await heart.ask(acquire('t/x'));

    expect(told).toEqual({ tag: 'error', mistake: 'duplicate_request' });
    expect(await dumpOf(heart)).toEqual(before);
  });
});

describe('an id that was made just now', () => {
  it('is not looked up, and not remembered when it ends', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/fresh', { isFresh: true });

    await heart.send(release('t/fresh', fence));

    expect(await finishedOf(heart)).toEqual({ younger: [], older: [] });
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it.each([
    ['released', (fence: number) => release('t/x', fence)],
    ['cancelled', () => cancel('t/x')],
  ])('cannot begin again in the batch in which it is %s', async (_, end) => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const fence = await heart.take('t/x', { isFresh: true });

    const [, again] = await heart.send(end(fence), acquire('t/x'));

    expect(again).toEqual({ tag: 'error', mistake: 'duplicate_request' });
    expect(await leasesOf(heart)).toEqual({});
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
    expect(await counterOf(heart)).toBe('0');
  });

  it('may be taken again once that batch is over', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const fence = await heart.take('t/x', { isFresh: true });
    await heart.send(release('t/x', fence));

    const told = await heart.ask(acquire('t/x'));

    expect(told.tag).toBe('granted');
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/x']);
  });
});
