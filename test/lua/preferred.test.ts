// @module-tag redis_required
// A preferred account is taken where it has room among those that are looked at first; a wish passes
// over no tier, and makes nobody wait.
import { describe, expect, it } from 'vitest';
import { aBreakable } from '../support/health.ts';
import { acquire, aHeart, anAccount, GPT4, release } from '../support/heart.ts';
import type { AcquireWish, Heart } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

function prefer(account: string, id: string, wish: AcquireWish = {}) {
  const op = acquire(id, wish);
  return op.kind === 'acquire' ? { ...op, demand: `${op.demand}\v${account}` } : op;
}

async function accountOf(
  heart: Heart,
  op: ReturnType<typeof acquire>,
): Promise<string | undefined> {
  const told = await heart.ask(op);
  return told.tag === 'granted' ? told.account : told.tag;
}

describe('a preferred account', () => {
  it.each([true, false])('is taken before a less loaded one (fresh id: %s)', async (isFresh) => {
    const heart = await aHeart(store, [
      anAccount({ slots: 4 }),
      anAccount({ name: 'a2', slots: 9 }),
    ]);

    const taken = [];
    for (const id of ['t/1', 't/2', 't/3']) {
      taken.push(await accountOf(heart, prefer('a1', id, { isFresh })));
    }

    expect(taken).toEqual(['a1', 'a1', 'a1']);
  });

  it('that is full, out of use, unknown or of another pool gives way to the usual choice', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'full' }),
      anAccount({ name: 'off', enabled: false }),
      anAccount({ name: 'other', pool: 'anthropic' }),
      anAccount({ name: 'usual', slots: 9 }),
    ]);
    await heart.ask(prefer('full', 't/0'));

    const taken = [];
    for (const wish of ['full', 'off', 'nobody', 'other']) {
      taken.push(await accountOf(heart, prefer(wish, `t/${wish}`)));
    }

    expect(taken).toEqual(['usual', 'usual', 'usual', 'usual']);
  });

  it('of a later tier is not taken while the first one has room', async () => {
    const heart = await aHeart(store, [anAccount(), anAccount({ name: 'later', tier: 1 })]);

    const taken = await accountOf(heart, prefer('later', 't/1'));

    expect(taken).toBe('a1');
  });

  it('of a mixed class is taken where it serves the model', async () => {
    const odd = Array.from({ length: 20 }, (_, i) =>
      anAccount({ name: `m${i}`, slots: 2, models: ['gpt-4', `only-${i}`] }),
    );
    const heart = await aHeart(store, odd);

    const taken = [];
    for (const { name } of odd) taken.push(await accountOf(heart, prefer(name, `t/${name}`)));

    expect(taken).toEqual(odd.map(({ name }) => name));
  });

  it('whose breaker is open for the model gives way, and is taken for its other models', async () => {
    const models = ['gpt-4', 'o3'];
    const heart = await aHeart(store, [
      aBreakable({ models }),
      anAccount({ name: 'a2', slots: 4, models }),
    ]);
    for (const id of ['t/1', 't/2', 't/3']) {
      const { fence } = await heart.ask(prefer('a1', id));
      await heart.ask(release(id, fence!, 'failed'));
    }

    const sick = await accountOf(heart, prefer('a1', 't/4'));
    const well = await accountOf(
      heart,
      prefer('a1', 't/5', { targets: [{ ...GPT4, model: 'o3' }] }),
    );

    expect([sick, well]).toEqual(['a2', 'a1']);
  });

  it('differs within one batch by request', async () => {
    const heart = await aHeart(store, [
      anAccount({ slots: 3 }),
      anAccount({ name: 'a2', slots: 3 }),
    ]);
    const ops = [prefer('a2', 't/1'), prefer('a1', 't/2'), prefer('a2', 't/3'), acquire('t/4')];

    const told = await heart.send(...ops);

    expect(told.map((one) => (one.tag === 'granted' ? one.account : one.tag))).toEqual([
      'a2',
      'a1',
      'a2',
      'a1',
    ]);
  });

  it('does not make a line of its own: who waits, waits in the line of its demand', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const first = await heart.ask(acquire('t/1'));
    await heart.ask(prefer('a1', 't/2', { waitMs: 1000 }));
    await heart.ask(acquire('t/3', { waitMs: 1000 }));

    const demands = await store.redis.hkeys(`slotkeeper:{${heart.cell}}:demands`);

    expect(demands.filter((field) => field.includes('\t'))).toEqual([
      `${GPT4.pool}\t${GPT4.model}`,
    ]);
    expect(first.tag).toBe('granted');
    if (first.tag === 'granted') await heart.ask(release('t/1', first.fence!));
    expect(await heart.ask(prefer('a1', 't/2', { waitMs: 1000 }))).toMatchObject({
      tag: 'replayed',
    });
  });
});
