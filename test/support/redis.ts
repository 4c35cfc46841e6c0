// A real Redis server for one test file: on a unix socket, without persistence, with nothing in it.
// Files that use it carry `// @module-tag redis_required`; a test of its own checks that.
import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import { afterAll, beforeAll, inject } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { startEmbeddedRedis } from '../../src/redis/embedded.ts';
import type { RedisBackend } from './backends.ts';
import { temporaryDirectory } from './temporary.ts';

export interface TestRedisOptions {
  /** redis.conf settings, such as { maxmemory: '50mb' }. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface TestRedis {
  /** A connected client. Usable inside tests and hooks, not while the file is being collected. */
  readonly redis: Redis;
  /** What `connectRedis`, or a daemon's REDIS_URL, takes. */
  readonly url: string;
  /** One more client; closed when the file ends. */
  connect(name?: string): Promise<Redis>;
  /** A cell name that no other test has: its keys collide with nothing. */
  cell(): string;
}

interface Server {
  readonly url: string;
  stop(): Promise<unknown>;
}

/** Call it at the top of a test file (or of a describe): it registers its own hooks. */
export function useRedis(options: TestRedisOptions = {}): TestRedis {
  const clients: Redis[] = [];
  let server: Server | undefined;
  let redis: Redis | undefined;
  const running = (): Server => started(server);
  const connect = async (name = 'test'): Promise<Redis> => {
    // A generous limit: a loaded machine must not look like a broken store.
    const client = await connectRedis(running().url, { timeoutMs: 10_000, name });
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    server = await startServer(inject('redisBackend'), options.settings ?? {});
    redis = await connect();
  });
  afterAll(async () => {
    for (const client of clients) client.disconnect();
    await server?.stop();
  });

  return {
    get redis() {
      return started(redis);
    },
    get url() {
      return running().url;
    },
    connect,
    cell: () => `t${nanoid(12)}`,
  };
}

function started<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error('useRedis() serves inside tests and hooks only');
  return thing;
}

async function startServer(
  backend: RedisBackend,
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  if (backend.kind === 'container') return await startContainer(backend.image, settings);
  return await startEmbeddedRedis({
    dataDir: await temporaryDirectory(),
    server: inject('redisServer'),
    persistence: 'none',
    settings,
  });
}

async function startContainer(
  image: string,
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const program = image.startsWith('valkey/') ? 'valkey-server' : 'redis-server';
  const conf = { save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction', ...settings };
  const container = await new GenericContainer(image)
    .withCommand([program, ...Object.entries(conf).flatMap(([key, value]) => [`--${key}`, value])])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(6379)}`,
    stop: () => container.stop(),
  };
}
