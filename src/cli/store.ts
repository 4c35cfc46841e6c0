// Where the store is, for commands that look at a cell without being a daemon: the options, what
// stands for them where they are not given, and the connection's life. It starts no Redis.
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Redis } from 'ioredis';
import { loadConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import { NAME_PATTERN } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import type { KeyStyle } from '../redis/keys.ts';
import { connectRedis, parseRedisUrl } from '../redis/connection.ts';
import { locateServers } from '../redis/location.ts';
import type { ClusterLocation, StoreLocation } from '../redis/location.ts';
import { checkServer } from '../redis/server-check.ts';
import { keySlot } from '../redis/slot.ts';

export interface StoreOptions {
  readonly redis?: string;
  readonly socket?: string;
  readonly cell?: string;
}

/** A cell of a reachable store, as the readers of scheduler/inspect.ts want it. */
export interface CellSource {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
}

const CLIENT = { timeoutMs: 5000, name: 'slotkeeper-cli' } as const;
const SOCKET_NAME = 'redis.sock';

export function addStoreOptions(command: Command): Command {
  return command
    .option('--redis <url>', 'the cell’s Redis (default: that of the configuration here)')
    .addOption(new Option('--socket <path>', 'the same by its unix socket').conflicts('redis'))
    .addOption(
      new Option('--cell <name>', 'the cell to look at').env('SLOTKEEPER_CELL').argParser(cellName),
    );
}

function cellName(text: string): string {
  if (NAME_PATTERN.test(text)) return text;
  throw new InvalidArgumentError('A cell’s name has 1 to 64 letters, digits, ".", "_" or "-".');
}

/** Runs `work` on the cell that the options name; the connection ends with it. */
export async function withCell<T>(
  options: StoreOptions,
  work: (source: CellSource) => Promise<T>,
): Promise<T> {
  const { location, cell } = await locate(options);
  const redis = await connectRedis(location, CLIENT);
  try {
    const { cluster } = await checkServer(redis);
    if (cluster && location.kind === 'standalone') {
      // A node of a Cluster was named: it tells where the cell is.
      redis.disconnect();
      return await withRedis(clusterOf(location.url, cell), (found) =>
        work({ redis: found, cell, keyStyle: 'tagged' }),
      );
    }
    return await work({ redis, cell, keyStyle: cluster ? 'tagged' : 'plain' });
  } finally {
    if (redis.status !== 'end') redis.disconnect();
  }
}

async function withRedis<T>(
  location: StoreLocation,
  work: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = await connectRedis(location, CLIENT);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** The cluster of which this is a node. */
export function clusterOf(url: string, cell: string): ClusterLocation {
  const { host, port = 6379, username, password, tls } = parseRedisUrl(url);
  if (host === undefined) {
    throw new AppError(
      'config_invalid',
      'A node of a Redis Cluster is named by redis://host:port.',
    );
  }
  return {
    kind: 'cluster',
    seeds: [{ host, port }],
    slot: keySlot(cell),
    credentials: { username, password },
    tls: tls !== undefined,
  };
}

interface Located {
  readonly location: StoreLocation;
  readonly cell: string;
}

/** A store that is named needs no configuration, not even a valid one. */
export async function locate({ redis, socket, cell }: StoreOptions): Promise<Located> {
  const named = redis ?? (socket === undefined ? undefined : socketUrl(socket));
  if (named !== undefined) {
    return {
      location: { kind: 'standalone', url: named },
      cell: cell ?? configSchema.shape.scheduler.parse({}).cell,
    };
  }
  const config = await loadConfig({ env: process.env });
  const { url, dataDir } = config.redis;
  const name = cell ?? config.scheduler.cell;
  const location = locateServers(config.redis, name);
  if (location !== undefined) return { location, cell: name };
  return {
    location: { kind: 'standalone', url: url ?? socketUrl(join(dataDir, SOCKET_NAME)) },
    cell: name,
  };
}

/** The embedded server's socket may be a link, because the system bounds a socket's path. */
function socketUrl(path: string): string {
  try {
    return `unix://${encodeURI(realpathSync(path))}`;
  } catch {
    throw new AppError(
      'store_unavailable',
      `There is no Redis socket at ${path}. Start the daemon here, or name its Redis by --redis.`,
    );
  }
}
