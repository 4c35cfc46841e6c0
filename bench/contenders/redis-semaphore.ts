// redis-semaphore as a limiter: one semaphore object for each worker, as its users have it.
// Favourable to it: no refresh timer (refreshInterval 0), and calls of one turn share a write.
import { loadPeer } from '../harness/peers.ts';
import { measurePairs } from '../harness/pairs.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Contender } from '../harness/rounds.ts';
import type { Bench } from '../harness/scenario.ts';
import { peerClient, type PeerLimit } from './peer-client.ts';

export interface PeerSemaphore {
  acquire(): Promise<void>;
  release(): Promise<void>;
}

interface SemaphoreModule {
  readonly Semaphore: new (
    client: unknown,
    key: string,
    limit: number,
    options: { readonly refreshInterval: number; readonly lockTimeout: number },
  ) => PeerSemaphore;
}

/** Semaphores on one key that share a connection. */
export function peerSemaphores(
  bench: Bench,
  redis: RedisServer,
  { limit, workers }: Omit<PeerLimit, 'name'>,
): readonly PeerSemaphore[] {
  const { Semaphore } = loadPeer('redis-semaphore') as SemaphoreModule;
  const client = peerClient(bench, redis, { enableAutoPipelining: true });
  const options = { refreshInterval: 0, lockTimeout: 10_000 };
  return Array.from({ length: workers }, () => new Semaphore(client, 'bench', limit, options));
}

export async function redisSemaphore(
  bench: Bench,
  redis: RedisServer,
  { name, limit, workers }: PeerLimit,
): Promise<Contender> {
  const semaphores = peerSemaphores(bench, redis, { limit, workers });
  const pair = async (worker: number): Promise<void> => {
    await semaphores[worker]!.acquire();
    await semaphores[worker]!.release();
  };
  return { name, round: (seconds) => measurePairs(redis, { workers, pair }, seconds) };
}
