// The durable queue of notices on their way, by BullMQ: one job a notice and destination, worked on by
// all daemons, tried again until it is taken or too old. Times between tries are by daemons' clocks,
// as BullMQ has it; nothing but the pace depends on them.
import { setTimeout as delay } from 'node:timers/promises';
import { Queue, UnrecoverableError, Worker, DelayedError, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { AlertsConfig } from '../config/alerts-schema.ts';
import type { Service } from '../core/service.ts';
import { queueConnection } from '../redis/queue-connection.ts';
import { deliveryId, SEVERITIES, type Notice } from './alert.ts';

export interface Delivery {
  readonly notice: Notice;
  readonly destination: string;
}

export type DeliveryResult =
  | { readonly kind: 'done' }
  /** Not now; asked again after so long, which is no failure. */
  | { readonly kind: 'later'; readonly afterMs: number }
  | { readonly kind: 'failed'; readonly reason: string };

export interface DeliveriesOptions {
  readonly redis: Redis;
  /** What the queue's keys begin with. */
  readonly prefix: string;
  readonly config: AlertsConfig;
  /** Must not reject but for the store's sake; called again for the same delivery after a crash. */
  readonly deliver: (delivery: Delivery) => Promise<DeliveryResult>;
  /** A delivery has been tried for too long; before it leaves the queue. */
  readonly onTooOld: (delivery: Delivery) => Promise<void>;
}

export type QueuedState = 'sending' | 'waiting' | 'held' | 'retrying' | 'given_up';

export interface QueuedDelivery extends Delivery {
  readonly id: string;
  readonly state: QueuedState;
  readonly attempts: number;
  /** Ms until the next try; 0 where there is none, or at once. */
  readonly waitsMs: number;
  readonly lastFailure: string | undefined;
}

const NAME = 'alerts';
const CLOSE_MS = 1000;
const AT_ONCE = 64;
const KEPT_GIVEN_UP = 1000;
/** A daemon that died holds what it was sending for this long at least. */
const SHORTEST_LOCK_MS = 2000;
const LONG_AGO = 1_000_000;
const BY_STATE = {
  active: 'sending',
  prioritized: 'waiting',
  waiting: 'waiting',
  delayed: 'retrying',
  failed: 'given_up',
} as const;
const UNDONE = ['prioritized', 'waiting', 'delayed', 'active'] as const;

export class Deliveries implements Service {
  readonly #options: DeliveriesOptions;
  readonly #asking: Redis;
  readonly #queue: Queue<Delivery>;
  #working: Redis | undefined;
  #worker: Worker<Delivery> | undefined;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    const { redis, prefix } = options;
    this.#asking = queueConnection(redis, 'asking');
    this.#queue = new Queue(NAME, {
      connection: this.#asking,
      prefix,
      defaultJobOptions: {
        // What ends the trying is its age.
        attempts: LONG_AGO,
        backoff: { type: 'custom' },
        removeOnComplete: true,
        removeOnFail: { count: KEPT_GIVEN_UP },
        stackTraceLimit: 0,
      },
      streams: { events: { maxLen: 1000 } },
    });
    // Commands reject, too: their callers know what to do.
    this.#queue.on('error', () => undefined);
  }

  /** Works from here on. */
  start(): Promise<void> {
    const { redis, prefix, config } = this.#options;
    this.#working = queueConnection(redis, 'working');
    const lockDuration = Math.max(SHORTEST_LOCK_MS, 3 * config.timeoutMs);
    this.#worker = new Worker<Delivery>(NAME, (job, token) => this.#work(job, token), {
      connection: this.#working,
      prefix,
      concurrency: AT_ONCE,
      lockDuration,
      stalledInterval: lockDuration / 2,
      // A daemon that is killed again and again must not cost an alert.
      maxStalledCount: LONG_AGO,
      runRetryDelay: 1000,
      settings: { backoffStrategy: (attempts) => this.#pauseMs(attempts) },
    });
    this.#worker.on('error', () => undefined);
    return Promise.resolve();
  }

  /** Idempotent. What is being sent goes on at another daemon, or at the next start. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    // Its calls have been cut, so what it does ends at once; unless the store is away.
    const isClosed = worker?.close().then(
      () => true,
      () => true,
    );
    const tooLong = delay(CLOSE_MS, false, { ref: false });
    if ((await Promise.race([isClosed, tooLong])) === false) {
      await worker?.close(true).catch(() => undefined);
    }
    await this.#queue.close().catch(() => undefined);
    this.#working?.disconnect();
    this.#asking.disconnect();
  }

  /** Those that are in the queue already, given up ones too, stay as they are. */
  async add(deliveries: readonly Delivery[]): Promise<void> {
    const jobs = deliveries.map((delivery) => {
      const { notice, destination } = delivery;
      const priority = SEVERITIES.indexOf(notice.alert.severity) + 1;
      const opts = { jobId: deliveryId(notice, destination), priority };
      return { name: notice.state, data: delivery, opts };
    });
    if (jobs.length > 0) await this.#queue.addBulk(jobs);
  }

  /** Deliveries that are neither done nor given up. */
  async depth(): Promise<number> {
    return await this.#queue.getJobCountByTypes(...UNDONE);
  }

  /** At most `most` of each state, the next ones first. */
  async list(most = 1000): Promise<readonly QueuedDelivery[]> {
    const types = Object.keys(BY_STATE) as (keyof typeof BY_STATE)[];
    const lists = await Promise.all(
      types.map(async (type) => {
        const jobs = await this.#queue.getJobs([type], 0, most - 1, true);
        return jobs.filter(isThere).map((job) => viewOf(job, BY_STATE[type]));
      }),
    );
    return lists.flat();
  }

  async find(id: string): Promise<QueuedDelivery | undefined> {
    const job = await this.#queue.getJob(id);
    if (job === undefined) return undefined;
    const state = await job.getState();
    const known = Object.keys(BY_STATE).find((type) => type === state);
    if (known === undefined) return undefined;
    return viewOf(job, BY_STATE[known as keyof typeof BY_STATE]);
  }

  /** False where it is not there, or is being sent just now. */
  async remove(id: string): Promise<boolean> {
    const job = await this.#queue.getJob(id);
    return job !== undefined && (await job.remove().then(() => true, isLocked));
  }

  #pauseMs(attempts: number): number {
    const { retryMinMs, retryMaxMs } = this.#options.config;
    const longest = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(attempts - 1, 30));
    return Math.round(longest * (0.5 + Math.random() / 2));
  }

  async #work(job: Job<Delivery>, token: string | undefined): Promise<void> {
    const { deliver, onTooOld, config } = this.#options;
    const result = await deliver(job.data);
    if (result.kind === 'done') return;
    if (result.kind === 'later') {
      await job.moveToDelayed(Date.now() + Math.max(1, result.afterMs), token);
      throw new DelayedError();
    }
    if (Date.now() - job.timestamp < config.retryForMs) throw new Error(result.reason);
    await onTooOld(job.data);
    throw new UnrecoverableError(result.reason);
  }
}

/** A job that ended while the list was read has no content. */
function isThere(job: { readonly data?: Partial<Delivery> } | undefined): job is Job<Delivery> {
  return job?.data?.notice !== undefined;
}

/** BullMQ removes no job that is being worked on. */
function isLocked(error: unknown): false {
  if (error instanceof Error && /locked/i.test(error.message)) return false;
  throw error;
}

function viewOf(job: Job<Delivery>, state: QueuedState): QueuedDelivery {
  const { attemptsMade, timestamp, failedReason } = job;
  const startedMs = job.processedOn ?? timestamp;
  const isHeld = state === 'retrying' && attemptsMade === 0;
  return {
    ...job.data,
    id: job.id ?? '',
    state: isHeld ? 'held' : state,
    attempts: attemptsMade,
    waitsMs: state === 'retrying' ? Math.max(0, startedMs + job.delay - Date.now()) : 0,
    lastFailure: failedReason || undefined,
  };
}
