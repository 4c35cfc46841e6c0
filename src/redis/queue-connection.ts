// Connections for BullMQ queues. A queue's producer fails fast, as all of ours do; a worker's client
// must wait: it blocks for jobs, and what was asked while the server is away is asked when it is
// back. Both lead to the server of the cell, wherever that moves (connection.ts).
import type { Redis } from 'ioredis';

/** BullMQ blocks for 10 s at most; a server that is silent for longer hangs. */
const BLOCKING_SILENCE_MS = 20_000;

/**
 * Makes one more client to the place of `redis`. `asking`: a call fails in its usual time limit.
 * `working`: calls wait for the server. It connects by itself, and its user disconnects it; closing
 * the queue or worker it was given to does that, too.
 */
export function queueConnection(redis: Redis, use: 'asking' | 'working'): Redis {
  const connection = redis.duplicate({
    connectionName: `slotkeeper-queue-${use}`,
    lazyConnect: false,
    // BullMQ insists on it for what blocks, and wants what is under way asked again.
    ...(use === 'working' && {
      maxRetriesPerRequest: null,
      enableOfflineQueue: true,
      autoResendUnfulfilledCommands: true,
      commandTimeout: undefined,
      socketTimeout: BLOCKING_SILENCE_MS,
    }),
  });
  // Without a listener ioredis prints errors itself. Commands report them to their callers.
  connection.on('error', () => undefined);
  return connection;
}
