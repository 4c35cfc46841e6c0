// @module-tag redis_required
// Breakers of single models: the others of their account go on. On an integer clock.
import { describe, expect, it } from 'vitest';
import { classOf } from '../support/cell-state.ts';
import { aBreakable, attempt, differences, fail, next, stateOf } from '../support/health.ts';
import { GPT4, aHeart, acquire, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const O3 = { pool: 'openai', model: 'o3' };

describe('a breaker of one model', () => {
  const both = { models: ['gpt-4', 'o3'] };

  it('leaves the other models of its account served, and nothing of it to the tripped one', async () => {
    const heart = await aHeart(store, [
      aBreakable(both),
      aBreakable({ name: 'b1', tier: 1, ...both }),
    ]);

    await fail(heart, 3);

    expect(await next(heart)).toBe('b1');
    expect(await next(heart, [O3])).toBe('a1');
    expect(await differences(heart)).toEqual([]);
  });

  it('compares its account with the healthy ones by load', async () => {
    const heart = await aHeart(store, [
      aBreakable(both),
      aBreakable({ name: 'a2', slots: 8, ...both }),
    ]);
    const held = await heart.take('t/held', { targets: [O3] });
    const other = await heart.ask(acquire('t/other'));
    await heart.send(
      release('t/held', held, 'ignored'),
      release('t/other', other.fence!, 'ignored'),
    );
    const record = await heart.ask(acquire('t/p'));
    const sick = record.account!;
    await heart.send(release('t/p', record.fence!, 'failed'));
    heart.now = 1;
    for (let i = 0; (await stateOf(heart, sick)) !== 'open' && i < 20; i += 1) {
      const { fence, account } = await heart.ask(acquire(`t/f${i}`));
      await heart.ask(release(`t/f${i}`, fence!, account === sick ? 'failed' : 'ignored'));
    }

    const told = await heart.send(
      ...Array.from({ length: 12 }, (_, i) => acquire(`t/z${i}`, { targets: [O3] })),
    );

    const counts = { a1: 0, a2: 0 };
    for (const { account } of told) counts[account as 'a1' | 'a2'] += 1;
    expect(counts).toEqual({ a1: 4, a2: 8 });
  });

  it('that is half-open lets one through, and the others go on', async () => {
    const heart = await aHeart(store, [aBreakable(both)]);
    await fail(heart, 3);
    heart.now = 100;

    const told = await heart.send(
      acquire('t/1'),
      acquire('t/2'),
      acquire('t/3', { targets: [O3] }),
      acquire('t/4', { targets: [O3] }),
    );

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'denied', 'granted', 'granted']);
    expect(await differences(heart)).toEqual([]);
  });

  it('that closes brings its account back among the others', async () => {
    const heart = await aHeart(store, [aBreakable(both)]);
    await fail(heart, 3);
    const while_open = await classOf(heart);
    heart.now = 100;

    await attempt(heart, 'success');

    expect(while_open).toEqual([]);
    expect(await classOf(heart)).toEqual(['a1']);
    expect(await differences(heart)).toEqual([]);
  });

  it('where all of them have tripped leaves nothing of the account', async () => {
    const heart = await aHeart(store, [aBreakable(both)]);
    await fail(heart, 3);
    heart.now = 60;
    await fail(heart, 3, [O3]);

    const told = await heart.ask(acquire('t/x', { targets: [GPT4, O3] }));

    expect(told).toEqual({ tag: 'denied', reason: 'breaker_open', retryAfterMs: 40 });
    expect(await differences(heart)).toEqual([]);
  });
});
