// @module-tag redis_required
// A client of a real Redis Cluster: it works on the master of its cell's slot, wherever that is.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { SchedulerEvents } from '../../../src/core/events.ts';
import { checkStore } from '../../../src/redis/server-check.ts';
import { audit, readCounters } from '../../../src/scheduler/inspect.ts';
import {
  CLIENT,
  clusterClient,
  clusterScheduler,
  portOf,
} from '../../support/cluster-scheduler.ts';
import { cellOf, useCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { TARGETS } from '../../support/schedulers.ts';

const cluster = useCluster();
const OPTIONS = CLIENT;
const connect = (cell: string) => clusterClient(cluster, cell);
const onCluster = (cell: string) => clusterScheduler(cluster, cell);

describe('cells in a Redis Cluster', () => {
  it('spread over its masters by their names', async () => {
    const cells = [0, 1, 2].map(cellOf);

    const all = await Promise.all(cells.map(onCluster));
    const leases = await Promise.all(
      all.map(({ scheduler }) => scheduler.acquire({ targets: TARGETS })),
    );

    const ports = await Promise.all(all.map(({ redis }) => portOf(redis)));
    expect(ports).toEqual(cluster.nodes.slice(0, 3).map(({ port }) => port));
    expect(leases.map(({ account }) => account)).toEqual(['a1', 'a1', 'a1']);
    for (const { source } of all) expect((await audit(source)).differences).toEqual([]);
  });

  it('are not to be used where a node may evict, whichever it is', async () => {
    const cell = cellOf(0);
    const redis = await connect(cell);
    const replica = cluster.nodes[5]!;
    await replica.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');

    // A node hears late, by gossip, of a replica that has just joined.
    await eventually(async () => {
      const check = checkStore(redis, cluster.location(cell), OPTIONS);

      await expect(check).rejects.toThrow(
        new RegExp(`^${replica.address}: This Redis has maxmemory-policy allkeys-lru`),
      );
    });

    await replica.redis.config('SET', 'maxmemory-policy', 'noeviction');
    expect((await checkStore(redis, cluster.location(cell), OPTIONS)).cluster).toBe(true);
  });

  it('are not taken for those of a single server', async () => {
    const redis = await connect(cellOf(1));
    const location = { kind: 'standalone', url: `redis://${cluster.nodes[0]!.address}` } as const;

    const check = checkStore(redis, location, OPTIONS);

    await expect(check).rejects.toThrow('is a node of a Redis Cluster: set redis.mode to cluster');
  });
});

describe('a slot that moves', () => {
  it('serves until its first key has moved, for no key of a cell is ever missing', async () => {
    const cell = cellOf(0);
    const { scheduler } = await onCluster(cell);
    const target = cluster.nodes[1]!;
    await cluster.beginMove(cell, target);

    const lease = await scheduler.acquire({ targets: TARGETS });
    const released = await lease.release();

    expect(released).toBe('released');
    await cluster.finishMove(cell, target);
    await cluster.move(cell, cluster.nodes[0]!);
  });

  it('keeps callers waiting within their time, and tells for how long it could not serve', async () => {
    const cell = cellOf(1);
    const { scheduler, redis, source } = await onCluster(cell);
    const held = await scheduler.acquire({ targets: TARGETS });
    const target = cluster.nodes[2]!;
    await cluster.beginMove(cell, target);
    await cluster.moveKeys(cell, target, 5);
    const failed = once(scheduler.events, 'storeError');
    const over = once(scheduler.events, 'outage');

    const asked = scheduler.acquire({ targets: TARGETS });
    await failed;
    await cluster.finishMove(cell, target);
    const lease = await asked;
    const [outage] = (await over) as [SchedulerEvents['outage']];

    expect(await portOf(redis)).toBe(target.port);
    expect(outage.cause).toBe('slot_moving');
    expect(outage.seconds).toBeGreaterThan(0);
    expect(lease.fence).toBeGreaterThan(held.fence);
    await Promise.all([lease.release(), held.release()]);
    expect((await audit(source)).differences).toEqual([]);
    expect((await readCounters(source)).leases).toBe(0);
    await cluster.move(cell, cluster.nodes[1]!);
  });

  it('takes the messages to waiters with it', async () => {
    const cell = cellOf(2);
    const [one, two] = [await onCluster(cell), await onCluster(cell)];
    const first = await Promise.all([1, 2].map(() => one.scheduler.acquire({ targets: TARGETS })));
    await cluster.move(cell, cluster.nodes[0]!);
    await two.scheduler.ping();
    const waiting = two.scheduler.acquire({ targets: TARGETS, waitMs: 20_000 });
    await once(two.scheduler.events, 'queued');
    // Both clients of the second scheduler listen at the new master.
    await eventually(async () => {
      const channels = await cluster.nodes[0]!.redis.call('PUBSUB', 'SHARDCHANNELS');
      expect(channels).toHaveLength(2);
    });
    const began = performance.now();

    await first[0]!.release();
    const lease = await waiting;

    expect(performance.now() - began).toBeLessThan(900);
    await Promise.all([lease.release(), first[1]!.release()]);
    await cluster.move(cell, cluster.nodes[2]!);
  });
});
