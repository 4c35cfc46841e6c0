// The queues of parked jobs, by BullMQ: one a stage. A job lies in its queue's delayed set from its
// submission on, until the store hands it over (store.ts); what BullMQ does by itself is to lend a job to
// one worker at a time, and to lend it again when that worker is gone.
import { setTimeout as delay } from 'node:timers/promises';
import { DelayedError, Queue, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DeferralConfig } from '../config/deferral-schema.ts';
import { queueConnection } from '../redis/queue-connection.ts';
import type { DeferredRequest } from './job.ts';
import { queueName } from '../redis/deferral-keys.ts';

/** What a queue holds of a job; the rest is in its record. */
export interface Payload {
  readonly request: DeferredRequest;
}

export interface Parked {
  readonly id: string;
  readonly stage: string;
  readonly request: DeferredRequest;
}

/** A job in a worker's hands. */
export interface Lent {
  readonly id: string;
  readonly stage: string;
  readonly request: DeferredRequest;
  /** How often it has been lent, this time included. */
  readonly tries: number;
  /** How often it was lent to a worker that is gone. */
  readonly stalls: number;
  readonly signal: AbortSignal;
}

export interface QueuesOptions {
  readonly redis: Redis;
  /** Waits for the store while that is away; for the workers alone. */
  readonly working: Redis;
  /** What the queues' keys begin with. */
  readonly prefix: string;
  readonly config: DeferralConfig;
  /** For how long a job stays lent to a daemon that is not heard of. */
  readonly lockMs: number;
  /**
   * Works on one job. `back`: it goes back to where parked jobs lie. Rejects where the store cannot
   * serve; the job is then lent again soon.
   */
  readonly work: (lent: Lent) => Promise<'done' | 'back'>;
  readonly onError: (error: Error) => void;
}

const LONG_AGO = 1_000_000;
const AGAIN_MS = 1000;
/** Behind a job's expiry, which is seen to elsewhere. */
const NET_MS = 60_000;

export class JobQueues {
  readonly #options: QueuesOptions;
  readonly #asking: Redis;
  readonly #queues: ReadonlyMap<string, Queue<Payload>>;
  readonly #running = new Map<string, AbortController>();
  #workers: readonly Worker<Payload>[] = [];

  constructor(options: QueuesOptions) {
    this.#options = options;
    const { redis, prefix, config, onError } = options;
    const connection = queueConnection(redis, 'asking');
    this.#asking = connection;
    const queues = Object.keys(config.stages).map((stage) => {
      const queue = new Queue<Payload>(queueName(stage), {
        connection,
        prefix,
        defaultJobOptions: {
          // A job's end is its outcome; BullMQ is asked to try again only when the store was away.
          attempts: LONG_AGO,
          backoff: { type: 'fixed', delay: AGAIN_MS },
          removeOnComplete: true,
          removeOnFail: true,
          stackTraceLimit: 0,
          delay: this.#netMs(),
        },
        streams: { events: { maxLen: 100 } },
      });
      queue.on('error', onError);
      return [stage, queue] as const;
    });
    this.#queues = new Map(queues);
  }

  /** Ids of the jobs that this daemon works on now. */
  get running(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** To look at; what is done to them goes through the store. */
  get all(): readonly Queue[] {
    return [...this.#queues.values()];
  }

  /** The jobs lie there, inert, until the store knows of them. */
  async add(jobs: readonly Parked[]): Promise<void> {
    const stages = new Set(jobs.map(({ stage }) => stage));
    await Promise.all(
      [...stages].map(async (stage) => {
        const ofStage = jobs.filter((job) => job.stage === stage);
        await this.#queue(stage).addBulk(
          ofStage.map(({ id, request }) => ({
            name: stage,
            data: { request },
            opts: { jobId: id },
          })),
        );
      }),
    );
  }

  /** What a worker has just now stays. */
  async remove({ id, stage }: Pick<Parked, 'id' | 'stage'>): Promise<void> {
    await this.#queue(stage).remove(id);
  }

  /** What was asked, of a job that has not been acknowledged. */
  async requestOf({
    id,
    stage,
  }: Pick<Parked, 'id' | 'stage'>): Promise<DeferredRequest | undefined> {
    const job = await this.#queues.get(stage)?.getJob(id);
    return job?.data.request;
  }

  /** Works from here on. */
  start(): void {
    const { working: connection, prefix, config, lockMs, onError } = this.#options;
    this.#workers = Object.keys(config.stages).map((stage) => {
      const work = (job: Job<Payload>, token?: string) => this.#work(stage, job, token);
      const worker = new Worker<Payload>(queueName(stage), work, {
        connection,
        prefix,
        concurrency: config.concurrency,
        lockDuration: lockMs,
        stalledInterval: lockMs / 2,
        maxStalledCount: LONG_AGO,
        runRetryDelay: AGAIN_MS,
      });
      worker.on('error', onError);
      // Another worker may have it by now.
      worker.on('lockRenewalFailed', (ids) => this.abort(ids));
      return worker;
    });
  }

  /** Cuts what this daemon runs of these; undefined: of all. */
  abort(ids: readonly string[] = this.running): void {
    for (const id of ids) this.#running.get(id)?.abort();
  }

  /** Takes no more; what runs gets so long to end, and is cut then. Idempotent. */
  async stop({
    graceMs,
    cutMs,
  }: {
    readonly graceMs: number;
    readonly cutMs: number;
  }): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    const closed = Promise.allSettled(workers.map((one) => one.close())).then(() => true);
    const within = (ms: number) => Promise.race([closed, delay(ms, false, { ref: false })]);
    if (!(await within(graceMs))) {
      this.abort();
      if (!(await within(cutMs))) await Promise.allSettled(workers.map((one) => one.close(true)));
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
    this.#asking.disconnect();
  }

  async #work(stage: string, job: Job<Payload>, token: string | undefined): Promise<void> {
    const { id = '', data, attemptsStarted: tries, stalledCounter: stalls } = job;
    const controller = new AbortController();
    this.#running.set(id, controller);
    try {
      const { signal } = controller;
      const { request } = data;
      const end = await this.#options.work({ id, stage, request, tries, stalls, signal });
      if (end === 'done') return;
    } finally {
      if (this.#running.get(id) === controller) this.#running.delete(id);
    }
    await job.moveToDelayed(Date.now() + this.#netMs(), token);
    throw new DelayedError();
  }

  #netMs(): number {
    return this.#options.config.maxAgeMs + NET_MS;
  }

  #queue(stage: string): Queue<Payload> {
    const queue = this.#queues.get(stage);
    if (queue === undefined) throw new Error(`no stage is named ${stage}`);
    return queue;
  }
}
