// @module-tag redis_required
// Records that cannot be decoded are set aside and counted; they stop nobody.
import { describe, expect, it } from 'vitest';
import { inFlightOf, leasesOf, setAsideOf, wroteBehind } from '../support/cell-state.ts';
import type { Heart } from '../support/heart.ts';
import { aHeart, acquire, anAccount, cancel, check, release, renew } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const BROKEN = {
  'nothing at all': (): Buffer => Buffer.alloc(0),
  'a few bytes': (): Buffer => Buffer.from([1, 0, 0]),
  'a later schema': (raw: Buffer): Buffer => Buffer.concat([Buffer.from([9]), raw.subarray(1)]),
  'a record that ends before its account': (raw: Buffer): Buffer => raw.subarray(0, 56),
  text: (): Buffer => Buffer.from('x'.repeat(55)),
};

/** A cell that holds `t/x` with a record that is broken, and `t/good`. */
async function aBrokenCell(breakIt: (raw: Buffer) => Buffer): Promise<Heart> {
  const heart = await aHeart(store, [anAccount({ slots: 5 })]);
  await heart.send(acquire('t/x', { leaseMs: 10 }), acquire('t/good', { leaseMs: 1000 }));
  const raw = (await heart.redis.hgetBuffer(heart.keys.requests, 't/x'))!;
  await heart.redis.hset(heart.keys.requests, 't/x', breakIt(raw));
  await wroteBehind(heart);
  return heart;
}

describe.each(Object.entries(BROKEN))('a lease record of %s', (_, breakIt) => {
  it('is set aside and counted when its id is asked for', async () => {
    const heart = await aBrokenCell(breakIt);

    const reply = await heart.call([check('t/x'), check('t/good')]);

    expect(reply).toMatchObject({ kind: 'ok', report: { setAside: 1 } });
    expect(reply.kind === 'ok' && reply.told.map(({ tag }) => tag)).toEqual(['unknown', 'leased']);
    expect(await setAsideOf(heart)).toEqual(['t/x']);
    expect(Object.keys(await leasesOf(heart))).toEqual(['t/good']);
  });

  it('is set aside and counted when it comes due', async () => {
    const heart = await aBrokenCell(breakIt);
    heart.now = 10;

    const reply = await heart.call([]);

    expect(reply).toMatchObject({ kind: 'ok', report: { setAside: 1, reaped: 0 } });
    expect(await setAsideOf(heart)).toEqual(['t/x']);
  });
});

describe('a record that was set aside', () => {
  it('is kept to the byte', async () => {
    const heart = await aBrokenCell(BROKEN.text);
    await heart.ask(check('t/x'));

    const kept = await heart.redis.hget(heart.keys.setAside, 't/x');

    expect(kept).toBe('x'.repeat(55));
  });

  it('leaves its id to whoever asks for it, who holds a lease then', async () => {
    const heart = await aBrokenCell(BROKEN.text);

    const told = await heart.ask(acquire('t/x'));

    expect(told.tag).toBe('granted');
    expect((await leasesOf(heart))['t/x']).toMatchObject({ fence: told.fence });
    expect(await setAsideOf(heart)).toEqual(['t/x']);
    expect((await heart.ask(release('t/x', told.fence!))).tag).toBe('released');
  });

  it('frees no slot by a late word of its holder', async () => {
    const heart = await aBrokenCell(BROKEN.text);

    const told = await heart.send(renew('t/x', 1), release('t/x', 1), cancel('t/x'));

    expect(told.map(({ tag }) => tag)).toEqual(['lost', 'already', 'cancelled']);
    expect(await inFlightOf(heart)).toEqual({ a1: 2 });
  });

  it('is counted once where several operations name it', async () => {
    const heart = await aBrokenCell(BROKEN.text);

    const reply = await heart.call([renew('t/x', 1), check('t/x')]);

    expect(reply).toMatchObject({ report: { setAside: 1 } });
  });
});

describe('a record that can be read and makes no sense', () => {
  it('of a model that does not exist ends without stopping anybody', async () => {
    const heart = await aBrokenCell((raw) => {
      raw.writeUInt16LE(60_000, 2);
      return raw;
    });
    heart.now = 10;

    const reply = await heart.call([acquire('t/new')]);

    expect(reply).toMatchObject({ kind: 'ok', report: { reaped: 1 }, told: [{ tag: 'granted' }] });
    expect(await inFlightOf(heart)).toEqual({ a1: 2 });
  });

  it('of an account that does not exist ends without stopping anybody', async () => {
    const heart = await aBrokenCell((raw) => {
      raw.write('zz', 56);
      return raw;
    });

    const told = await heart.send(cancel('t/x'), acquire('t/new'));

    expect(told.map(({ tag }) => tag)).toEqual(['was_granted', 'granted']);
    expect(Object.keys(await leasesOf(heart)).sort()).toEqual(['t/good', 't/new']);
  });
});

describe('an account record that cannot be decoded', () => {
  it('takes its account out of use and leaves the others alone', async () => {
    const heart = await aHeart(store, [anAccount({ name: 'a1' }), anAccount({ name: 'a2' })]);
    await heart.redis.hset(heart.keys.accounts, 'a1', 'nonsense');

    const told = await heart.send(acquire('t/1'), acquire('t/2'));

    expect(told).toMatchObject([{ tag: 'granted', account: 'a2' }, { tag: 'denied' }]);
  });
});

describe('a batch that fails half-way', () => {
  it('leaves nothing in what the heart remembers between calls', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/first');
    await heart.send(release('t/first', fence));
    const { requests } = heart.keys;
    await heart.redis.rename(requests, `${requests}-away`);
    await heart.redis.set(requests, 'not a hash');

    await expect(heart.send(acquire('t/x', { isFresh: true }))).rejects.toThrow(/WRONGTYPE/);
    await heart.redis.rename(`${requests}-away`, requests);
    const told = await heart.ask(acquire('t/y'));

    expect(told.tag).toBe('granted');
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });
});
