// @module-tag redis_required
// Lanes over real processes: what they write one after the other is all there, and kill -9 of an
// owner, or of who would be next, holds the others up no longer than its lease and a claim.
import { describe, expect, it } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { monotonicMs } from '../support/callers.ts';
import { eventually } from '../support/eventually.ts';
import { fleetCell } from '../support/fleet.ts';
import { anAccount } from '../support/heart.ts';
import { startLaneProcess } from '../support/lane-fleet.ts';
import { expectNothingLeft, waitersIn } from '../support/queue-state.ts';
import { useRedis } from '../support/redis.ts';
import { aScheduler } from '../support/schedulers.ts';

const store = useRedis();
const LEASE_MS = 3000;
const REAP_MS = 250;
/** What busy cores may add to a promise. */
const TOLERANCE_MS = 2000;

async function aCell() {
  const observed = { redis: store.redis, cell: store.cell() };
  const options = { ...observed, leaseMs: LEASE_MS, reapIntervalMs: REAP_MS };
  const own = await aScheduler(options, [anAccount()]);
  return { observed, own, start: () => startLaneProcess(fleetCell(store.url, options)) };
}

describe('a lane over processes', () => {
  it.each([
    [2, 4],
    [4, 3],
  ])('loses nothing of %i processes with %i writes each', async (processes, times) => {
    const { observed, start } = await aCell();
    const all = await Promise.all(Array.from({ length: processes }, start));
    const key = `written-in-${observed.cell}`;

    const fences = await Promise.all(all.map((one) => one.add('s', key, times)));

    expect(Number(await store.redis.get(key))).toBe(processes * times);
    expect(new Set(fences.flat()).size).toBe(processes * times);
    for (const own of fences) expect(own).toEqual([...own].sort((a, b) => a - b));
    await Promise.all(all.map((one) => one.stop()));
    await expectNothingLeft(observed);
  });

  it('goes on when its owner and the next one are killed', async () => {
    const { observed, own, start } = await aCell();
    const [owner, next] = await Promise.all([start(), start()]);
    const fence = await owner.hold('s');
    void next.hold('s').catch(() => undefined);
    await eventually(async () => expect(await waitersIn(observed)).toBe(1));
    const order: { fence: number; at: number }[] = [];
    const mine = own.withLane('s', (hold) => {
      order.push({ fence: hold.fence, at: monotonicMs() });
      return Promise.resolve();
    });
    await eventually(async () => expect(await waitersIn(observed)).toBe(2));

    await Promise.all([owner.kill(), next.kill()]);
    const killedAt = monotonicMs();
    await mine;

    const heldUpMs = order[0]!.at - killedAt;
    // Renewed a third of its life before, at the latest: it had two thirds left at least.
    expect(heldUpMs).toBeGreaterThan(LEASE_MS / 2);
    expect(heldUpMs).toBeLessThan(LEASE_MS + REAP_MS + CODES.WAITING.claim_ms + TOLERANCE_MS);
    expect(order[0]!.fence).toBeGreaterThan(fence);
  });
});
