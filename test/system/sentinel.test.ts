// @module-tag redis_required
// Daemons under load over a master that real Sentinels watch: it is killed, or it hangs, and the
// replica that they promote serves on. Nobody is oversold and nothing is left behind.
import { expect, it, onTestFinished } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { eventually } from '../support/eventually.ts';
import { startDaemons, summed } from '../support/fleet-of-daemons.ts';
import { useSentinels } from '../support/sentinel.ts';
import { expectAtRest, keepChatting } from './crash-cell.ts';

const store = useSentinels();
const [ACCOUNTS, SLOTS] = [2, 10];
/** A promoted replica may not have heard of the last releases: those leases end by themselves. */
const LEASE_MS = 5000;

async function underLoad(cell: string) {
  const { sentinels, name, credentials, sentinelCredentials } = store.location;
  const { sim, daemons } = await startDaemons({
    count: 2,
    accounts: ACCOUNTS,
    slots: SLOTS,
    redis: {
      mode: 'sentinel',
      nodes: sentinels.map(({ host, port }) => `${host}:${port}`),
      sentinelName: name,
      password: credentials.password,
      sentinelPassword: sentinelCredentials.password,
    },
    scheduler: { cell, leaseMs: LEASE_MS },
  });
  const loads = daemons.map(({ url }) => keepChatting(url, 2 * SLOTS, '[sim latency=20]'));
  const served = (): number =>
    loads.flatMap(({ statuses }) => statuses).filter((status) => status === 200).length;
  const more = (than: number): Promise<unknown> =>
    eventually(() => expect(served()).toBeGreaterThan(than + 100), { timeoutMs: 40_000 });
  await more(0);
  return { sim, daemons, loads, served, more };
}

it.each(['kill', 'pause'] as const)(
  'the promoted replica serves on after a %s of the master under load',
  async (how) => {
    const cell = `cell-${how}`;
    const { sim, daemons, loads, served, more } = await underLoad(cell);
    const before = served();
    const master = await store.master();

    await master[how]();
    onTestFinished(() => master.resume());
    await more(before);

    expect((await store.master()).port).not.toBe(master.port);
    expect(await summed(daemons, 'slotkeeper_recoveries_total')).toBeGreaterThan(0);
    expect(await summed(daemons, 'slotkeeper_store_outages_total')).toBeGreaterThan(0);
    const statuses = (await Promise.all(loads.map((load) => load.stop()))).flat();
    expect([200, 503]).toEqual(expect.arrayContaining([...new Set(statuses)]));
    const redis = await connectRedis(store.location, { timeoutMs: 5000, name: 'test' });
    onTestFinished(() => redis.disconnect());
    await eventually(() => expectAtRest({ redis, cell }), { timeoutMs: LEASE_MS + 10_000 });
    const { inFlight, oversold, aborted } = sim.snapshot();
    expect({ inFlight, oversold, aborted }).toEqual({ inFlight: 0, oversold: 0, aborted: 0 });
    expect(await summed(daemons, 'slotkeeper_leases_lost_total')).toBe(0);
    for (const daemon of daemons) {
      expect(daemon.stdout() + daemon.stderr()).not.toContain(store.location.credentials.password);
    }
  },
);
