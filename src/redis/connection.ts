// One client connection to the server that holds the cell (location.ts), with short timeouts and no
// hidden queues: what cannot be sent now fails now. After each loss it looks for that server anew.
// No message from here ever holds a password.
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { AppError } from '../core/errors.ts';
import { connectorTo } from './cluster-connector.ts';
import { SlotOwner } from './cluster-owner.ts';
import { describeStore } from './location.ts';
import type { ClusterLocation, SentinelLocation, StoreLocation } from './location.ts';
import { given } from './node-client.ts';
import { SteadySentinelConnector } from './sentinel-connector.ts';

export interface ConnectOptions {
  /** After this many milliseconds a command, or an attempt to connect, counts as failed. */
  readonly timeoutMs: number;
  /** Shown by CLIENT LIST. */
  readonly name: string;
}

/** What our clients are made with; replies keep RESP2's shapes. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

const FIRST_CONNECT_MS = 15_000;
const LONGEST_RECONNECT_DELAY_MS = 1000;
/** An idle connection (a subscription) to a machine that vanished ends some 10 s after this. */
const KEEP_ALIVE_MS = 5000;
/** Nodes that are in doubt themselves are not asked for the master more often than this. */
const LOOK_AGAIN_MS = 1000;

/**
 * Connects and resolves with a ready client, which reconnects by itself from then on. Rejects with
 * `config_invalid` for a URL that is none, `store_unavailable` when the server cannot be reached
 * or refuses the credentials. The caller ends it with `disconnect()`.
 */
export async function connectRedis(
  where: string | StoreLocation,
  options: ConnectOptions,
): Promise<Redis> {
  const location =
    typeof where === 'string' ? ({ kind: 'standalone', url: where } as const) : where;
  let isConnected = false;
  // The first connection is the caller's to repeat; a lost one comes back by itself.
  const retryStrategy = (attempt: number): number | null =>
    isConnected ? reconnectDelayMs(attempt) : null;
  const redis = new Redis({
    ...clientOptions(options),
    ...serverOptions(location, { ...options, retryStrategy }),
    retryStrategy,
  });
  let lastError: unknown;
  // Without a listener ioredis prints errors itself. Commands report them to their callers.
  redis.on('error', (error) => {
    lastError = error;
  });
  const giveUp = setTimeout(() => redis.disconnect(), FIRST_CONNECT_MS);
  try {
    await redis.connect();
    isConnected = true;
    return redis;
  } catch (error) {
    // On an ended client it would only leave a timer that holds the process for two seconds.
    if (redis.status !== 'end') redis.disconnect();
    throw new AppError(
      'store_unavailable',
      `${describeStore(location)} cannot be used: ${reasonOf(lastError ?? error)}. ` +
        (location.kind === 'standalone'
          ? 'Start it, or correct REDIS_URL (without one, a Redis is brought along).'
          : 'Start it, or correct redis.nodes and what belongs to it.'),
    );
  } finally {
    clearTimeout(giveUp);
  }
}

interface ServerOptions extends ConnectOptions {
  readonly retryStrategy: (attempt: number) => number | null;
}

/** How the server is found, and which answers mean that it has to be found anew. */
function serverOptions(location: StoreLocation, options: ServerOptions): ClientOptions {
  switch (location.kind) {
    case 'standalone':
      return parseRedisUrl(location.url);
    case 'sentinel':
      return sentinelOptions(location, options);
    case 'cluster':
      return clusterOptions(location, options);
  }
}

function sentinelOptions(
  { sentinels, name, credentials, sentinelCredentials, tls }: SentinelLocation,
  { timeoutMs, retryStrategy }: ServerOptions,
): ClientOptions {
  const { username, password } = sentinelCredentials;
  return {
    Connector: SteadySentinelConnector,
    sentinels: [...sentinels],
    name,
    ...given(credentials),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
    sentinelCommandTimeout: timeoutMs,
    sentinelRetryStrategy: retryStrategy,
    sentinelReconnectStrategy: reconnectDelayMs,
    // An old master that hangs, or is cut off with us, says nothing: the Sentinels do.
    failoverDetector: true,
    socketTimeout: 2 * timeoutMs,
  };
}

function clusterOptions(location: ClusterLocation, { timeoutMs }: ServerOptions): ClientOptions {
  const { credentials, tls } = location;
  const owner = new SlotOwner(location, { timeoutMs });
  let lookedAt = -Infinity;
  const isDue = (): boolean => {
    const now = performance.now();
    if (now - lookedAt < LOOK_AGAIN_MS) return false;
    lookedAt = now;
    return true;
  };
  return {
    Connector: connectorTo({ owner, tls }),
    ...given(credentials),
    ...(tls ? { tls: {} } : {}),
    // A master that hangs is replaced by its replica: it must be left, not waited for.
    socketTimeout: 2 * timeoutMs,
    reconnectOnError: ({ message }) => {
      if (message.startsWith('MOVED')) owner.follow(message);
      // A master without a majority stays silent about its successor.
      return (
        /^(MOVED|READONLY)/.test(message) || (/^(CLUSTER|MASTER)DOWN/.test(message) && isDue())
      );
    },
  };
}

/** redis://, rediss:// (also as valkey), unix:///path with an optional ?db=N. */
export function parseRedisUrl(url: string): ClientOptions {
  if (!URL.canParse(url)) throw new AppError('config_invalid', 'REDIS_URL is not a URL.');
  const { protocol, hostname, port, pathname, username, password, searchParams } = new URL(url);
  const credentials: ClientOptions = {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  };
  if (protocol === 'unix:') {
    const db = parseDatabase(searchParams.get('db') ?? '0');
    return { ...credentials, path: decodeURIComponent(pathname), db };
  }
  if (!/^(rediss?|valkeys?):$/.test(protocol)) {
    throw new AppError(
      'config_invalid',
      'REDIS_URL must start with redis://, rediss:// or unix://',
    );
  }
  return {
    ...credentials,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6379 : Number.parseInt(port, 10),
    db: parseDatabase(searchParams.get('db') ?? (pathname.slice(1) || '0')),
    ...(protocol === 'rediss:' || protocol === 'valkeys:' ? { tls: {} } : {}),
  };
}

function parseDatabase(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number.parseInt(text, 10);
  throw new AppError('config_invalid', 'The database in REDIS_URL must be a number, as in /0.');
}

function clientOptions({ timeoutMs, name }: ConnectOptions): ClientOptions {
  return {
    connectionName: name,
    // RESP2 was 8 to 11 % faster here than ioredis' default.
    protocol: 2,
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    keepAlive: KEEP_ALIVE_MS,
    // Each caller decides about a repeat: the client must neither queue nor resend by itself.
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // After a fail-over the old primary answers READONLY: the name may now lead to the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

/** Exponential from 50 ms to 1 s, half of it random: a fleet must not come back in step. */
function reconnectDelayMs(attempt: number): number {
  const ceiling = Math.min(LONGEST_RECONNECT_DELAY_MS, 25 * 2 ** Math.min(attempt, 10));
  return ceiling * (0.5 + Math.random() / 2);
}

/** A word about an error that cannot hold a secret: its code, never its text or its command. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  if (error.message.startsWith('All sentinels')) return 'none of them names its master';
  const code = (error as NodeJS.ErrnoException).code;
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
    ENOENT: 'there is no such socket (ENOENT)',
    ENOTFOUND: 'the host name is unknown (ENOTFOUND)',
    ETIMEDOUT: 'it does not answer in time (ETIMEDOUT)',
    WRONGPASS: 'it refuses the user name or password (WRONGPASS)',
    NOAUTH: 'it wants a password (NOAUTH)',
    CLUSTERDOWN: 'no node tells who owns the slot of the cell (CLUSTERDOWN)',
  };
  const word = code ?? /^[A-Z]{4,}\b/.exec(error.message)?.[0] ?? 'no answer';
  return words[word] ?? word;
}
