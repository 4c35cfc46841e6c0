// BullMQ as a limiter: a request becomes a job, the queue's global concurrency is the limit, and
// the caller goes on when its job has completed.
// Favourable to it: the worker is in the caller's process, so completion is an in-process event
// and not a stream that is read back; jobs do nothing and are removed when done; four callers for
// each slot, because a backlog lets one script finish a job and fetch the next; a client without
// autopipelining (with it BullMQ is slower).
import { loadPeer } from '../harness/peers.ts';
import { measurePairs } from '../harness/pairs.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Contender } from '../harness/rounds.ts';
import type { Bench } from '../harness/scenario.ts';
import { peerClient, type PeerLimit } from './peer-client.ts';

interface Queue {
  setGlobalConcurrency(limit: number): Promise<unknown>;
  add(name: string, data: unknown, options: { readonly jobId: string }): Promise<unknown>;
  close(): Promise<void>;
}

interface Worker {
  on(event: 'completed', listener: (job: { readonly id?: string }) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  waitUntilReady(): Promise<unknown>;
  close(force?: boolean): Promise<void>;
}

interface BullModule {
  readonly Queue: new (name: string, options: unknown) => Queue;
  readonly Worker: new (name: string, job: () => Promise<void>, options: unknown) => Worker;
}

const CALLERS_PER_SLOT = 4;

export async function bullmq(
  bench: Bench,
  redis: RedisServer,
  { name, limit, workers }: PeerLimit,
): Promise<Contender> {
  const bull = loadPeer('bullmq') as BullModule;
  const connection = () => peerClient(bench, redis, { maxRetriesPerRequest: null });
  const queue = new bull.Queue('bench', {
    connection: connection(),
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  await queue.setGlobalConcurrency(limit);
  const worker = new bull.Worker('bench', async () => undefined, {
    connection: connection(),
    concurrency: limit,
  });
  await worker.waitUntilReady();
  bench.defer(async () => {
    await worker.close(true);
    await queue.close();
  });

  const waiting = new Map<string, () => void>();
  worker.on('error', () => undefined);
  worker.on('completed', ({ id = '' }) => waiting.get(id)?.());
  let sequence = 0;
  const pair = async (): Promise<void> => {
    const jobId = `job-${sequence++}`;
    const completed = new Promise<void>((resolve) => waiting.set(jobId, resolve));
    await queue.add('request', null, { jobId });
    await completed;
    waiting.delete(jobId);
  };
  const load = { workers: workers * CALLERS_PER_SLOT, pair };
  return { name, round: (seconds) => measurePairs(redis, load, seconds) };
}
