// Deferral as one part of a daemon: takes jobs, lets them come back when they are due, runs them by the
// function that it is given, and keeps their ends. How a job is run, and for whom, it does not know.
import type { Queue } from 'bullmq';
import { nanoid } from 'nanoid';
import type { Redis } from 'ioredis';
import type { DeferralConfig } from '../config/deferral-schema.ts';
import type { Service } from '../core/service.ts';
import { DeferralEmitter } from './events.ts';
import type { DeferredRequest, JobOutcome, RunJob } from './job.ts';
import { Pulse } from './pulse.ts';
import { Listing, type Depths, type JobPage, type ListQuery } from './listing.ts';
import { queueConnection } from '../redis/queue-connection.ts';
import { JobQueues } from './queue.ts';
import type { JobView } from './record.ts';
import { DeferralStore, type Drain, type DrainProgress } from './store.ts';
import { checkJob, recordOf, type NewJob } from './submission.ts';
import { Webhooks } from './webhooks.ts';
import { JobRunner, type OnEnded } from './worker.ts';

export interface DeferralOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly config: DeferralConfig;
  /** This daemon among those of the cell. */
  readonly daemon: string;
  readonly run: RunJob;
  /** Told of every end before it is acknowledged, at least once; where it rejects, again. */
  readonly onEnded?: OnEnded;
  /** For how long a job stays with a daemon that is not heard of. */
  readonly lockMs: number;
  /** How long `stop` lets jobs run before it cuts them. */
  readonly graceMs?: number;
  /** Ms since 1970 for tests; the store's own by default. */
  readonly clock?: () => number;
}

export type Submission =
  | { readonly kind: 'parked'; readonly job: JobView }
  /** The same tenant submitted it under the same key before. */
  | { readonly kind: 'known'; readonly job: JobView }
  | { readonly kind: 'full'; readonly retryAfterMs: number };

const AT_ONCE = 200;
/** After a cut, a job has to be recorded and put back. */
const CUT_MS = 2000;
const FULL_RETRY_MS = 60_000;

export class Deferral implements Service {
  readonly events = new DeferralEmitter();
  readonly #options: DeferralOptions;
  readonly #store: DeferralStore;
  readonly #queues: JobQueues;
  readonly #listing: Listing;
  readonly #pulse: Pulse;
  readonly #working: Redis;
  /** Undefined where no host may be called. */
  readonly #webhooks: Webhooks | undefined;
  #stopping = false;

  constructor(options: DeferralOptions) {
    this.#options = options;
    const { redis, config, lockMs, daemon } = options;
    const { events } = this;
    this.#store = new DeferralStore(options);
    this.#listing = new Listing(redis, this.#store.keys);
    // What a run has brought is kept in memory until the store can take it.
    this.#working = queueConnection(redis, 'working');
    const runner = new JobRunner({
      ...options,
      events,
      store: this.#store.over(this.#working),
      onEnded: (job, outcome) => this.#tellEnd(job, outcome),
      isStopping: () => this.#stopping,
    });
    const onError = (error: Error): void => void events.emit('storeFailed', { error });
    const prefix = this.#store.keys.queues;
    const work = runner.work.bind(runner);
    if (config.webhook.hosts.length > 0) {
      this.#webhooks = new Webhooks({ redis, working: this.#working, prefix, config, events });
    }
    this.#queues = new JobQueues({
      redis,
      working: this.#working,
      prefix,
      config,
      lockMs,
      work,
      onError,
    });
    const beat = (concurrency: number) =>
      this.#store.beat(daemon, { concurrency, running: this.#queues.running });
    this.#pulse = new Pulse({
      beat: () => beat(config.concurrency),
      lastBeat: () => beat(0),
      onStop: (ids) => this.#queues.abort(ids),
      onError,
    });
  }

  /** Works on jobs from here on; submitting needs no start. */
  async start(): Promise<void> {
    this.#queues.start();
    this.#webhooks?.start();
    await this.#pulse.start();
  }

  /** Takes up no more jobs, lets them run for the grace, gives back the rest. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#pulse.stop();
    await this.#queues.stop({ graceMs: this.#options.graceMs ?? 0, cutMs: CUT_MS });
    await this.#queues.close();
    await this.#webhooks?.stop();
    this.#working.disconnect();
  }

  /** Rejects with what is wrong with the job, or as the store does. Then it may have been taken. */
  async submit(job: NewJob): Promise<Submission> {
    checkJob(job, this.#options.config);
    const { key, tenant } = job;
    // A look before the payload is written; the store decides.
    const known = key === undefined ? undefined : await this.findByKey(tenant, key);
    if (known) return { kind: 'known', job: known };
    if (await this.#store.isFull()) return this.#full(job);
    const [submission] = await this.submitMany([job]);
    return submission ?? this.#full(job);
  }

  /** In the order of `jobs`; each is taken or not by itself. */
  async submitMany(jobs: readonly NewJob[]): Promise<readonly Submission[]> {
    for (const job of jobs) checkJob(job, this.#options.config);
    const submissions: Submission[] = [];
    for (let from = 0; from < jobs.length; from += AT_ONCE) {
      submissions.push(...(await this.#submit(jobs.slice(from, from + AT_ONCE))));
    }
    return submissions;
  }

  /** Of this tenant alone; undefined: of any. */
  async find(tenant: string | undefined, id: string): Promise<JobView | undefined> {
    const job = await this.#store.find(id);
    return tenant === undefined || job?.tenant === tenant ? job : undefined;
  }

  /** The job that a tenant submitted under a key. */
  async findByKey(tenant: string, key: string): Promise<JobView | undefined> {
    const id = await this.#store.idOf(tenant, key);
    return id === undefined ? undefined : this.#store.find(id);
  }

  list(query: ListQuery): Promise<JobPage> {
    return this.#listing.list(query);
  }

  /** How many jobs of the cell stand where. */
  depths(): Promise<Depths> {
    return this.#listing.depths(Object.keys(this.#options.config.stages));
  }

  /** BullMQ's, one a stage; to look at only. */
  get queues(): readonly Queue[] {
    return this.#queues.all;
  }

  /** Undefined while the job has not ended. */
  outcomeOf(job: JobView): Promise<JobOutcome | undefined> {
    return this.#store.outcomeOf(job);
  }

  /** What was asked; undefined once the job's end has been acknowledged. */
  requestOf(job: JobView): Promise<DeferredRequest | undefined> {
    return this.#queues.requestOf(job);
  }

  /** One that runs is cut. False where it has ended, or is not there. */
  async cancel(id: string, message = 'The job was cancelled.'): Promise<boolean> {
    const ending = { kind: 'cancelled', code: 'cancelled', message } as const;
    const ended = (await this.#store.finish(id, ending)) !== undefined;
    if (ended) this.#queues.abort([id]);
    return ended;
  }

  /** Makes a job due now, a dead one too. False where it runs, has ended, or is not there. */
  retry(id: string): Promise<boolean> {
    return this.#store.retry(id);
  }

  /** Deletes what is kept of a job; one that has not ended is cancelled first. False where there is none. */
  async drop(id: string): Promise<boolean> {
    const isCancelled = await this.cancel(id, 'The job was dropped.');
    const job = await this.#store.find(id);
    if (job === undefined) return false;
    const outcome = await this.#store.outcomeOf(job);
    // No worker can tell of it once it is gone. A line's record is there only while nobody has.
    if (outcome !== undefined && (isCancelled || job.batch !== undefined)) {
      await this.#tellEnd(job, outcome);
    }
    await this.#store.forget(id);
    return true;
  }

  /** Deletes what is kept of a job whose end has been told. False where it has not ended, or is not there. */
  forget(id: string): Promise<boolean> {
    return this.#store.forget(id);
  }

  /** Makes up to `most` parked jobs due, the next ones first. */
  async drain(stage: string, most: number): Promise<Drain> {
    const drain = await this.#store.drain(stage, most);
    this.events.emit('drained', { stage, count: drain.count });
    return drain;
  }

  /** How far a drain is; undefined where it is not one of the last few. */
  progress(drain: number): Promise<DrainProgress | undefined> {
    return this.#store.progress(drain);
  }

  async #tellEnd(job: JobView, outcome: JobOutcome): Promise<void> {
    await this.#options.onEnded?.(job, outcome);
    await this.#webhooks?.tell(job);
  }

  async #submit(jobs: readonly NewJob[]): Promise<readonly Submission[]> {
    const { config } = this.#options;
    const parts = jobs.map((job) => ({
      ...job,
      id: newId(),
      record: recordOf(job, config),
    }));
    await this.#queues.add(parts);
    const { nowMs, submitted } = await this.#store.submit(parts);
    return await Promise.all(
      parts.map(async (part, i): Promise<Submission> => {
        const { kind, id } = submitted[i] ?? { kind: 'full', id: '' };
        if (kind !== 'parked') {
          // What is left behind is inert, and is acknowledged when it expires.
          await this.#queues.remove(part).catch(() => undefined);
          const job = kind === 'known' ? await this.#store.find(id) : undefined;
          return job ? { kind: 'known', job } : this.#full(part);
        }
        const { stage, reason } = part;
        this.events.emit('parked', { stage, reason });
        return { kind, job: newView(part, nowMs) };
      }),
    );
  }

  #full({ stage }: NewJob): Submission {
    this.events.emit('refused', { stage });
    return { kind: 'full', retryAfterMs: FULL_RETRY_MS };
  }
}

/** They sort by the time of their submission, as this daemon's clock has it. */
function newId(): string {
  return `dfr_${Date.now().toString(36).padStart(9, '0')}${nanoid(14)}`;
}

/** As the store has just written it. */
function newView(
  part: NewJob & { readonly id: string; readonly record: ReturnType<typeof recordOf> },
  nowMs: number,
): JobView {
  const { id, stage, tenant, slot, reason, key, batch, webhook, record } = part;
  const expiresAtMs = nowMs + record.lifeMs;
  return {
    ...{ id, stage, tenant, slot, reason, key, batch, webhook, expiresAtMs },
    submittedAtMs: nowMs,
    dueAtMs: Math.min(nowMs + record.delayMs, expiresAtMs),
    deferrals: record.deferrals,
    failures: 0,
    stalls: 0,
    status: 'deferred',
  };
}
