// @module-tag redis_required
// Leases that the heart keeps in memory between calls: they hold while nobody else has written.
import { describe, expect, it } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { inFlightOf, leasesOf, wroteBehind } from '../support/cell-state.ts';
import type { Heart } from '../support/heart.ts';
import { aHeart, acquire, anAccount, check, release, renew } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** A call that fails when it has executed its early operations, before its first write. */
async function failHalfWay(heart: Heart, call: () => Promise<unknown>): Promise<void> {
  await heart.redis.rename(heart.keys.timers, `${heart.keys.timers}:away`);
  await heart.redis.set(heart.keys.timers, 'not a sorted set');
  await expect(call()).rejects.toThrow('WRONGTYPE');
  await heart.redis.rename(`${heart.keys.timers}:away`, heart.keys.timers);
}

describe('a lease that is remembered', () => {
  it('is not read from the store while nobody else has written', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    await heart.redis.hdel(heart.keys.requests, 't/x');

    const told = await heart.ask(release('t/x', fence));

    expect(told).toEqual({ tag: 'released' });
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('is what the store says once somebody else has written', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    await heart.redis.hdel(heart.keys.requests, 't/x');
    await wroteBehind(heart);

    const told = await heart.ask(release('t/x', fence));

    expect(told).toEqual({ tag: 'already' });
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it('is what it was before a batch that failed half-way', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    heart.now = 50;
    await failHalfWay(heart, () => heart.ask(renew('t/x', fence)));

    const told = await heart.ask(check('t/x'));

    expect(told).toMatchObject({ tag: 'leased', expiresAt: 100 });
  });

  it('ends like any other when memory had to forget it', { timeout: 120_000 }, async () => {
    const batches = CODES.MEMORY.leases / 64 + 2;
    const heart = await aHeart(store, [anAccount({ slots: 64 * batches })]);
    const first = await heart.take('t/first');
    for (let batch = 0; batch < batches; batch++) {
      await heart.send(
        ...Array.from({ length: 63 }, (_, i) => acquire(`t/${batch}-${i}`, { isFresh: true })),
      );
    }
    const last = await heart.take('t/last');

    const told = await heart.send(release('t/first', first), release('t/last', last));

    expect(told).toEqual([{ tag: 'released' }, { tag: 'released' }]);
    expect(Object.keys(await leasesOf(heart))).toHaveLength(63 * batches);
  });
});
