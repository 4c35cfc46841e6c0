// @module-tag redis_required
// Daemons under load over a real Redis Cluster: the slot of their cell moves back and forth, and its
// master is killed. Nobody is oversold, nobody hangs, and nothing is left behind.
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { keySlot } from '../../src/redis/slot.ts';
import { cellOf, useCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { startDaemons, summed } from '../support/fleet-of-daemons.ts';
import { startBuilt } from '../support/process.ts';
import { expectAtRest, keepChatting } from './crash-cell.ts';

const cluster = useCluster();
const [ACCOUNTS, SLOTS] = [2, 10];
/** A promoted replica may not have heard of the last releases: those leases end by themselves. */
const LEASE_MS = 5000;
const DIRECTIVE = '[sim latency=20]';

/** Two daemons whose callers want twice the slots that there are. */
async function underLoad(cell: string) {
  const { sim, daemons } = await startDaemons({
    count: 2,
    accounts: ACCOUNTS,
    slots: SLOTS,
    redis: {
      mode: 'cluster',
      nodes: cluster.nodes.slice(0, 2).map(({ address }) => address),
      timeoutMs: 3000,
    },
    scheduler: { cell, leaseMs: LEASE_MS },
  });
  const loads = daemons.map(({ url }) => keepChatting(url, 2 * SLOTS, DIRECTIVE));
  const served = (): number =>
    loads.flatMap(({ statuses }) => statuses).filter((status) => status === 200).length;
  const more = (than: number): Promise<unknown> =>
    eventually(() => expect(served()).toBeGreaterThan(than + 100), { timeoutMs: 30_000 });
  await more(0);
  return { sim, daemons, loads, served, more };
}

type UnderLoad = Awaited<ReturnType<typeof underLoad>>;

/** Everything has come back and the upstream has never seen more than it allows. */
async function expectNothingLost({ sim, daemons, loads }: UnderLoad, cell: string): Promise<void> {
  const statuses = (await Promise.all(loads.map((load) => load.stop()))).flat();
  expect([200, 503]).toEqual(expect.arrayContaining([...new Set(statuses)]));
  const redis = await connectRedis(cluster.location(cell), { timeoutMs: 5000, name: 'test' });
  onTestFinished(() => redis.disconnect());
  await eventually(() => expectAtRest({ redis, cell, keyStyle: 'tagged' }), {
    timeoutMs: LEASE_MS + 10_000,
  });
  const { inFlight, oversold, unknown, aborted } = sim.snapshot();
  expect({ inFlight, oversold, unknown, aborted }).toEqual({
    inFlight: 0,
    oversold: 0,
    unknown: 0,
    aborted: 0,
  });
  expect(await summed(daemons, 'slotkeeper_leases_lost_total')).toBe(0);
}

describe('a cell of a Redis Cluster', () => {
  it('lives through moves of its slot back and forth under load', async () => {
    const cell = cellOf(1);
    const run = await underLoad(cell);
    const [, here, there] = cluster.nodes;

    for (const target of [there!, here!, there!]) {
      const before = run.served();
      await cluster.move(cell, target);
      await run.more(before);
    }

    expect(await summed(run.daemons, 'slotkeeper_store_outages_total')).toBeGreaterThan(0);
    expect(await summed(run.daemons, 'slotkeeper_store_outage_seconds_total')).toBeGreaterThan(0);
    await expectNothingLost(run, cell);
  });

  it('is found by the commands, wherever a node is named', async () => {
    const cell = cellOf(2);
    const at = ['--redis', `redis://${cluster.nodes[1]!.address}`];

    const byServer = await cluster.nodes[1]!.redis.cluster('KEYSLOT', 'main');
    const slot = startBuilt('cli/main.js', ['cluster', 'slot', cell, 'main', ...at]);
    const audit = startBuilt('cli/main.js', ['audit', '--cell', cell, ...at]);
    const reap = startBuilt('cli/main.js', ['reap', '--cell', cell, ...at]);
    const ended = await Promise.all([slot.ended, audit.ended, reap.ended]);

    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(slot.stdout()).toMatch(
      new RegExp(`^${cell} +${keySlot(cell)} +${cluster.nodes[2]!.address}$`, 'm'),
    );
    expect(slot.stdout()).toMatch(new RegExp(`^main +${String(byServer)} `, 'm'));
    expect(audit.stdout()).toContain('No difference');
    expect(reap.stdout()).toContain('0 slots reaped');
  });

  it('is served by the promoted replica when its master is killed under load', async () => {
    const cell = cellOf(0);
    const run = await underLoad(cell);
    const before = run.served();

    await (await cluster.ownerOf(cell)).kill();
    await run.more(before);

    expect(await summed(run.daemons, 'slotkeeper_recoveries_total')).toBeGreaterThan(0);
    expect(await summed(run.daemons, 'slotkeeper_overage_total')).toBe(0);
    await expectNothingLost(run, cell);
  });
});
