// @module-tag redis_required
// A master of a Redis Cluster that hangs. It has a file and so a cluster of its own: roles stay
// changed afterwards.
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { clusterScheduler, portOf } from '../../support/cluster-scheduler.ts';
import { cellOf, useCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { TARGETS } from '../../support/schedulers.ts';

const cluster = useCluster();

describe('a master', () => {
  it('that hangs is left for the replica that took its place', async () => {
    const cell = cellOf(0);
    const { scheduler, redis } = await clusterScheduler(cluster, cell);
    const held = await scheduler.acquire({ targets: TARGETS });
    const [master, replica] = [cluster.nodes[0]!, cluster.nodes[3]!];
    const recovered = once(scheduler.events, 'recovery');
    master.pause();
    onTestFinished(() => master.resume());

    await recovered;
    const lease = await eventually(() => scheduler.acquire({ targets: TARGETS }));

    expect(await portOf(redis)).toBe(replica.port);
    expect(held.signal.aborted).toBe(false);
    expect(lease.fence).toBeGreaterThan(held.fence);
    await Promise.all([held.release(), lease.release()]);
  });
});
