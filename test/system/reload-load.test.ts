// @module-tag redis_required
// A hundred reloads under load, the limit down to 1 and up again: no request fails, no account is
// oversold beyond its falling to a lowered limit, and nothing is left in flight.
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { SLOTS, startLive } from '../support/live-daemon.ts';
import { startLoad } from '../support/steady-load.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const RELOADS = 100;
const CLIENTS = 40;

it('a hundred reloads under load, limit 20 to 1 and back, hurt no request', async () => {
  const daemon = await startLive(store);
  const [a1, a2] = daemon.file.pools['openai']!.accounts;
  a2!['maxConcurrency'] = 1;
  await daemon.reloaded();
  const load = startLoad(daemon.url, { clients: CLIENTS, content: '[sim latency=15]' });
  const above: number[] = [];

  for (let i = 0; i < RELOADS; i += 1) {
    const lowered = i % 2 === 0;
    a1!['maxConcurrency'] = lowered ? 1 : SLOTS;
    const { result } = await daemon.reloaded();
    expect(result).toBe('applied');
    // From the answer on it only falls, until it is at the limit; then it stays there.
    if (lowered) above.push(...(await fallOf(() => daemon.inFlightOf('a1'))));
    else await load.answered(5);
  }
  const { statuses, count } = await load.stop();

  expect([...statuses]).toEqual([200]);
  expect(count).toBeGreaterThan(1000);
  // The lowering must have met an account above its new limit, or this has shown nothing.
  expect(Math.max(...above)).toBeGreaterThan(5);
  expect(daemon.sim.snapshot()).toMatchObject({ oversold: 0, unknown: 0 });
  await eventually(async () => {
    expect([await daemon.inFlightOf('a1'), await daemon.inFlightOf('a2')]).toEqual([0, 0]);
    expect(await daemon.metrics()).toContain('slotkeeper_cell_leases 0');
  });
});

/** What was in flight from now until it reached 1, each not above the one before. */
async function fallOf(inFlight: () => Promise<number>): Promise<readonly number[]> {
  const seen = [await inFlight()];
  for (let last = seen[0]!; last > 1; last = seen.at(-1)!) {
    seen.push(await inFlight());
    expect(seen.at(-1)).toBeLessThanOrEqual(last);
  }
  return seen;
}
