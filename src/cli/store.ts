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
import { checkServer, connectRedis } from '../redis/connection.ts';

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

const STORE_TIMEOUT_MS = 5000;
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
  const { url, cell } = await locate(options);
  const redis = await connectRedis(url, { timeoutMs: STORE_TIMEOUT_MS, name: 'slotkeeper-cli' });
  try {
    const { cluster } = await checkServer(redis);
    return await work({ redis, cell, keyStyle: cluster ? 'tagged' : 'plain' });
  } finally {
    redis.disconnect();
  }
}

/** A store that is named needs no configuration, not even a valid one. */
async function locate({ redis, socket, cell }: StoreOptions) {
  const named = redis ?? (socket === undefined ? undefined : socketUrl(socket));
  if (named !== undefined) {
    return { url: named, cell: cell ?? configSchema.shape.scheduler.parse({}).cell };
  }
  const config = await loadConfig({ env: process.env });
  const { url, dataDir } = config.redis;
  return {
    url: url ?? socketUrl(join(dataDir, SOCKET_NAME)),
    cell: cell ?? config.scheduler.cell,
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
