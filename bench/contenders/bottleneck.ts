// Bottleneck in its clustered mode (its own scripts in Redis) as a limiter of concurrency.
// Favourable to it: jobs that do nothing, no rate reservoir, no minimum time, a fresh datastore, a
// client without autopipelining (with it Bottleneck is slower).
import { loadPeer } from '../harness/peers.ts';
import { measurePairs } from '../harness/pairs.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Contender } from '../harness/rounds.ts';
import type { Bench } from '../harness/scenario.ts';
import type { PeerLimit } from './peer-client.ts';

interface Limiter {
  ready(): Promise<unknown>;
  schedule(job: () => Promise<void>): Promise<void>;
  disconnect(flush?: boolean): Promise<void>;
}

type BottleneckModule = new (options: Readonly<Record<string, unknown>>) => Limiter;

export async function bottleneck(
  bench: Bench,
  redis: RedisServer,
  { name, limit, workers }: PeerLimit,
): Promise<Contender> {
  const Bottleneck = loadPeer('bottleneck') as BottleneckModule;
  const limiter = new Bottleneck({
    id: 'bench',
    maxConcurrent: limit,
    datastore: 'ioredis',
    clearDatastore: true,
    Redis: loadPeer('ioredis'),
    clientOptions: { host: '127.0.0.1', port: redis.port, protocol: 2 },
  });
  bench.defer(() => limiter.disconnect(false));
  await limiter.ready();
  const pair = (): Promise<void> => limiter.schedule(async () => undefined);
  return { name, round: (seconds) => measurePairs(redis, { workers, pair }, seconds) };
}
