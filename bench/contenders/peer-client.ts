// A client of the peers' own ioredis, so that what they patch or check is the module they know.
import { loadPeer } from '../harness/peers.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Bench } from '../harness/scenario.ts';

/** A limiter's task: `workers` loops share `limit` slots. */
export interface PeerLimit {
  readonly name: string;
  readonly limit: number;
  readonly workers: number;
}

export interface PeerClient {
  disconnect(): void;
}

interface IoredisModule {
  readonly Redis: new (options: Readonly<Record<string, unknown>>) => PeerClient;
}

export function peerClient(
  bench: Bench,
  redis: RedisServer,
  options: Readonly<Record<string, unknown>> = {},
): PeerClient {
  const { Redis } = loadPeer('ioredis') as IoredisModule;
  const client = new Redis({ host: '127.0.0.1', port: redis.port, protocol: 2, ...options });
  bench.defer(async () => client.disconnect());
  return client;
}
