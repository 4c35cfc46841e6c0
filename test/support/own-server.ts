// A Redis server that a test may kill: with persistence, alone on its directory, brought back by
// its starter.
import { inject, onTestFinished } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import type { EmbeddedRedis } from '../../src/redis/embedded.ts';
import { startEmbeddedRedis } from '../../src/redis/embedded.ts';
import { temporaryDirectory } from './temporary.ts';

export interface OwnServer {
  readonly server: EmbeddedRedis;
  connect(): ReturnType<typeof connectRedis>;
}

/** Ends with its test. `settings` are redis.conf lines, such as { appendfsync: 'always' }. */
export async function anOwnServer(settings: Readonly<Record<string, string>>): Promise<OwnServer> {
  const server = await startEmbeddedRedis({
    dataDir: await temporaryDirectory(),
    server: inject('redisServer'),
    persistence: 'append-only',
    settings,
  });
  const clients: { disconnect(): void }[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.disconnect();
    await server.stop();
  });
  return {
    server,
    connect: async () => {
      const client = await connectRedis(server.url, { timeoutMs: 5000, name: 'test' });
      clients.push(client);
      return client;
    },
  };
}
