// @module-tag redis_required
// Finished ids are remembered in two bounded generations: by time and by number.
import { describe, expect, it } from 'vitest';
import { dumpOf, finishedOf } from '../support/cell-state.ts';
import type { Heart, HeadWish } from '../support/heart.ts';
import { aHeart, acquire, anAccount, cancel } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** Ends one id, under the bounds of `wish`. */
async function end(heart: Heart, id: string, wish: HeadWish): Promise<void> {
  await heart.call([acquire(id), cancel(id)], wish);
}

describe('a finished id', () => {
  it('is remembered for at least rememberMs and at most about twice as long', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const wish = { rememberMs: 100 };
    await end(heart, 't/first', wish);
    const remembered: string[] = [];

    for (heart.now = 0; heart.now <= 250; heart.now += 10) {
      await end(heart, `t/at-${heart.now}`, wish);
      const { younger, older } = await finishedOf(heart);
      if ([...younger, ...older].includes('t/at-0')) remembered.push(String(heart.now));
    }

    expect(remembered[0]).toBe('0');
    expect(Number(remembered.at(-1))).toBeGreaterThanOrEqual(90);
    expect(Number(remembered.at(-1))).toBeLessThanOrEqual(200);
  });

  it('moves to the older generation when its own is full, then goes', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const wish = { rememberMs: 1e9, rememberMax: 4 };
    await end(heart, 't/0', wish);

    for (const id of ['t/1', 't/2', 't/3', 't/4']) await end(heart, id, wish);

    expect(await finishedOf(heart)).toEqual({ younger: ['t/4'], older: ['t/1', 't/2', 't/3'] });
  });

  it('never needs more than two generations of the bound', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const sizes: number[] = [];

    for (let i = 0; i < 40; i += 1) {
      await end(heart, `t/${i}`, { rememberMs: 1e9, rememberMax: 5 });
      const { younger, older } = await finishedOf(heart);
      sizes.push(younger.length + older.length);
    }

    expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
    expect(Math.max(...sizes)).toBeGreaterThanOrEqual(7);
  });

  it.each(['younger', 'older'] as const)('is refused from the %s generation', async (which) => {
    const heart = await aHeart(store, [anAccount()]);
    const wish = { rememberMs: 1e9, rememberMax: which === 'younger' ? 1000 : 2 };
    await end(heart, 't/0', wish);
    await end(heart, 't/x', wish);
    const before = await dumpOf(heart);

    const told = await heart.ask(acquire('t/x'));

    expect((await finishedOf(heart))[which]).toContain('t/x');
    expect(told).toEqual({ tag: 'error', mistake: 'duplicate_request' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('is a new one when both generations have forgotten it', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 9 })]);
    const wish = { rememberMs: 1e9, rememberMax: 2 };
    for (const id of ['t/x', 't/1', 't/2', 't/3']) await end(heart, id, wish);

    const told = await heart.ask(acquire('t/x'));

    expect(told.tag).toBe('granted');
  });
});
