// @module-tag redis_required
// Grants to waiters of other daemons, which are used before they are claimed: what their use has cost
// counts when its holder tells it, however soon.
import { describe, expect, it } from 'vitest';
import { ledgerOf } from '../support/cell-state.ts';
import { Heart, aHeart, acquire, anAccount, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** The one account is handed to a waiter of another daemon; nobody has claimed it yet. */
async function anUnclaimedGrant(): Promise<{ heart: Heart; other: Heart; fence: number }> {
  const budget = { warnMicro: 80, stopMicro: 100, period: 'none' } as const;
  const admission = { tenants: [], budget, timeZone: 'UTC' };
  const heart = await aHeart(store, [anAccount()], { admission });
  const other = new Heart(heart.redis, { cell: heart.cell, daemon: 'daemon-2' });
  await other.adopt();
  const fence = await heart.take('t/1', { leaseMs: 9000 });
  await other.ask(acquire('t/2', { waitMs: 20_000, leaseMs: 9000, reserveMicro: 40 }));
  await heart.ask(release('t/1', fence));
  return { heart, other, fence: fence + 1 };
}

describe('a grant that nobody has claimed', () => {
  it('is settled at what its holder tells', async () => {
    const { heart, other, fence } = await anUnclaimedGrant();

    const told = await other.ask({ ...release('t/2', fence), costMicro: 25 } as never);

    expect(told).toEqual({ tag: 'released' });
    expect((await ledgerOf(heart))['*\t0']).toMatchObject({ settled: 25, reserved: 0 });
  });

  it('has cost nothing where nobody tells', async () => {
    const { heart, other, fence } = await anUnclaimedGrant();

    await other.ask(release('t/2', fence));

    expect((await ledgerOf(heart))['*\t0']).toMatchObject({ settled: 0, reserved: 0 });
  });
});
