// Clients and schedulers on a Redis Cluster of the tests; ended with the test that made them.
import type { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import type { TestCluster } from './cluster-servers.ts';
import { anAccount } from './heart.ts';
import { aScheduler } from './schedulers.ts';

export const CLIENT = { timeoutMs: 2000, name: 'test' } as const;

export async function clusterClient(
  cluster: Pick<TestCluster, 'location'>,
  cell: string,
): Promise<Redis> {
  const redis = await connectRedis(cluster.location(cell), CLIENT);
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** A scheduler of the cell with one account of two slots. */
export async function clusterScheduler(cluster: Pick<TestCluster, 'location'>, cell: string) {
  const redis = await clusterClient(cluster, cell);
  const wish = { redis, cell, keyStyle: 'tagged', timeoutMs: 4000 } as const;
  const scheduler = await aScheduler(wish, [anAccount({ slots: 2 })]);
  return { scheduler, redis, source: { redis, cell, keyStyle: 'tagged' } as const };
}

export async function portOf(redis: Redis): Promise<number> {
  return Number(/tcp_port:(\d+)/.exec(await redis.info('server'))?.[1]);
}
