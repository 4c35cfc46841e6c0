// A question to one server of many: a short connection that tries once and leaves nothing behind.
import { Redis } from 'ioredis';
import type { Credentials, NodeAddress } from './location.ts';

export interface NodeAccess {
  readonly credentials: Credentials;
  readonly tls: boolean;
  /** Of connecting, and of each command. */
  readonly timeoutMs: number;
}

/** Rejects with what kept the connection from being made, where that is what failed. */
export async function askNode<T>(
  node: NodeAddress,
  { credentials, tls, timeoutMs }: NodeAccess,
  work: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis({
    ...node,
    ...given(credentials),
    ...(tls ? { tls: {} } : {}),
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
  });
  let lastError: unknown;
  redis.on('error', (error) => (lastError = error));
  try {
    await redis.connect();
    return await work(redis);
  } catch (error) {
    throw lastError ?? error;
  } finally {
    // On an ended client it would only leave a timer that holds the process for two seconds.
    if (redis.status !== 'end') redis.disconnect();
  }
}

/** Leaves out what is not set, for a client reads `undefined` as a word. */
export function given({ username, password }: Credentials): Required<Credentials> | object {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}
