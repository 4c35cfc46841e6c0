// @module-tag redis_required
// Waiters of many demands: those that cannot be served hold nobody up, however many they are.
import { describe, expect, it } from 'vitest';
import { dumpOf } from '../support/cell-state.ts';
import { GPT4, aHeart, acquire, anAccount, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const BACKUP = { pool: 'backup', model: 'gpt-4' };
const LONG = { waitMs: 1000 };

describe('a freed slot', () => {
  it.each([10, 63, 64, 200])('is not held up by %i demands that it cannot serve', async (count) => {
    const models = Array.from({ length: count }, (_, i) => `m${i}`);
    const heart = await aHeart(store, [
      anAccount({ models: ['gpt-4', ...models] }),
      anAccount({ name: 'b1', pool: BACKUP.pool }),
    ]);
    await heart.take('t/1');
    const fence = await heart.take('t/2', { targets: [BACKUP] });
    for (const model of models) {
      const targets = [{ pool: GPT4.pool, model }];
      await heart.ask(acquire(`t/w${model}`, { ...LONG, targets }));
    }
    await heart.ask(acquire('t/last', { ...LONG, targets: [BACKUP] }));

    const news = await heart.news(release('t/2', fence));

    expect(news).toMatchObject({ 't/last': { tag: 'granted', account: 'b1' } });
  });
});

describe('an acquire that is refused its place', () => {
  it('leaves nothing behind, not even a number for its demand', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await heart.take('t/1', { leaseMs: 5000 });
    heart.now = 100;
    const before = await dumpOf(heart);

    const late = await heart.ask(
      acquire('t/3', { waitMs: 5, arrivedAt: 1, targets: [BACKUP, GPT4] }),
    );

    expect(late).toMatchObject({ tag: 'denied', reason: 'queue_timeout' });
    expect(await dumpOf(heart)).toEqual(before);
  });
});
