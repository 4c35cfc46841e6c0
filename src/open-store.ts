// Finds the Redis that holds the cell, or starts one of our own, connects to it and checks that it
// may be used. What is kept there is not its business.
import type { Redis } from 'ioredis';
import type { Cleanup } from './cleanup.ts';
import type { Config } from './config/schema.ts';
import { AppError } from './core/errors.ts';
import type { Logger } from './log/logger.ts';
import { connectRedis } from './redis/connection.ts';
import { startEmbeddedRedis } from './redis/embedded.ts';
import type { KeyStyle } from './redis/keys.ts';
import { cliCommandOf, locateServers, type StoreLocation } from './redis/location.ts';
import { checkServer, checkStore } from './redis/server-check.ts';

export interface StoreOptions {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  /** Told, in one line each, about steps that take time. */
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly logger: Logger;
  /** Given what is to be closed and stopped at the end. */
  readonly cleanup: Cleanup;
}

export interface StoreFacts {
  /** The embedded server's socket; undefined for a Redis that was given by its URL. */
  readonly socketPath: string | undefined;
  /** Shell line that opens redis-cli; arguments may follow. */
  readonly cliCommand: string;
}

export interface Store extends StoreFacts {
  readonly redis: Redis;
  readonly keyStyle: KeyStyle;
  /** Whether the server is our own child, and so no other can take its place. */
  readonly isOurs: boolean;
}

/** Resolves when the store may be used; rejects when it is away, or must not be used as it is. */
export async function openStore(start: StoreOptions): Promise<Store> {
  const { config, cleanup, logger, onProgress } = start;
  const { timeoutMs } = config.redis;
  const { location, ...server } = await findServer(start);
  const redis = await connectRedis(location, { timeoutMs, name: 'slotkeeper' });
  cleanup.add(() => redis.disconnect());
  const { cluster, warnings, version } = await checkStore(redis, location, { timeoutMs });
  for (const warning of warnings) {
    logger.warn(warning, { redis: version });
    onProgress?.(warning);
  }
  // The cell may come to a server that was changed, or that nobody knew, since then.
  redis.on('ready', () => {
    checkServer(redis).catch((error: unknown) => {
      if (error instanceof AppError) logger.error('the Redis must not be used as it is', { error });
    });
  });
  return { ...server, redis, keyStyle: cluster ? 'tagged' : 'plain' };
}

interface FoundServer extends StoreFacts {
  readonly location: StoreLocation;
  readonly isOurs: boolean;
}

async function findServer(start: StoreOptions): Promise<FoundServer> {
  const { config, env, cleanup, onProgress } = start;
  const { url, dataDir } = config.redis;
  const location = locateServers(config.redis, config.scheduler.cell);
  if (location !== undefined) {
    return { location, socketPath: undefined, cliCommand: cliCommandOf(location), isOurs: false };
  }
  if (url !== undefined) {
    // The URL may hold a password, so the line names the variable and not its value.
    const cliCommand = 'redis-cli -u "$REDIS_URL"';
    const given = { kind: 'standalone', url } as const;
    return { location: given, socketPath: undefined, cliCommand, isOurs: false };
  }
  const embedded = await startEmbeddedRedis({ dataDir, env, onProgress });
  cleanup.add(() => embedded.stop());
  const { socketPath, cliCommand } = embedded;
  return {
    location: { kind: 'standalone', url: embedded.url },
    socketPath,
    cliCommand,
    isOurs: true,
  };
}
