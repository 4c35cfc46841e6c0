// Telling callers of the end of their jobs: one signed call a job to a configured host, tried again by
// BullMQ until it is taken. It holds neither the request nor the answer: these are fetched by the API.
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DeferralConfig } from '../config/deferral-schema.ts';
import { Poster } from '../outbound/post.ts';
import { signatureHeaders } from '../outbound/signature.ts';
import { queueConnection } from '../redis/queue-connection.ts';
import type { DeferralEmitter } from './events.ts';
import type { JobView } from './record.ts';
import { isAllowedWebhook } from './submission.ts';

export interface WebhooksOptions {
  readonly redis: Redis;
  readonly working: Redis;
  readonly prefix: string;
  readonly config: DeferralConfig;
  readonly events: DeferralEmitter;
}

interface Call {
  readonly url: string;
  readonly body: string;
}

const NAME = 'deferral-webhooks';
const FIRST_PAUSE_MS = 1000;
const AT_ONCE = 16;
const KEPT_GIVEN_UP = 100;
const SHORTEST_LOCK_MS = 5000;

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #asking: Redis;
  readonly #queue: Queue<Call>;
  readonly #poster: Poster;
  #worker: Worker<Call> | undefined;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    const { redis, prefix, config } = options;
    this.#poster = new Poster({ timeoutMs: config.webhook.timeoutMs });
    this.#asking = queueConnection(redis, 'asking');
    this.#queue = new Queue(NAME, {
      connection: this.#asking,
      prefix,
      defaultJobOptions: {
        attempts: config.webhook.attempts,
        backoff: { type: 'exponential', delay: FIRST_PAUSE_MS },
        removeOnComplete: true,
        removeOnFail: { count: KEPT_GIVEN_UP },
        stackTraceLimit: 0,
      },
      streams: { events: { maxLen: 100 } },
    });
    this.#queue.on('error', () => undefined);
  }

  start(): void {
    const { working, prefix, config, events } = this.#options;
    const lockDuration = Math.max(SHORTEST_LOCK_MS, 3 * config.webhook.timeoutMs);
    this.#worker = new Worker<Call>(NAME, async ({ id = '', data }) => await this.#call(id, data), {
      connection: working,
      prefix,
      concurrency: AT_ONCE,
      lockDuration,
    });
    this.#worker.on('error', () => undefined);
    this.#worker.on('failed', (job, { message }) => {
      const givenUp = (job?.attemptsMade ?? 0) >= config.webhook.attempts;
      events.emit('webhookFailed', { id: job?.id ?? '', reason: message, givenUp });
    });
  }

  /** Idempotent. What is not told yet is told by other daemons, or after the next start. */
  async stop(): Promise<void> {
    await this.#poster.close();
    await this.#worker?.close();
    await this.#queue.close().catch(() => undefined);
    this.#asking.disconnect();
  }

  /** Durable when it resolves. Told again after a crash, by the same idempotency key. */
  async tell({ id, status, stage, webhook, endedAtMs = 0 }: JobView): Promise<void> {
    if (webhook === undefined) return;
    const ended_at = new Date(endedAtMs).toISOString();
    const status_url = `/v1/deferred/${id}`;
    const body = JSON.stringify({
      object: 'deferred.ended',
      id,
      status,
      stage,
      ended_at,
      status_url,
    });
    await this.#queue.add(stage, { url: webhook, body }, { jobId: id });
  }

  async #call(id: string, { url, body }: Call): Promise<void> {
    const { hosts, secret } = this.#options.config.webhook;
    // The configuration may have changed since the job was taken.
    if (!isAllowedWebhook(url, hosts)) return;
    const signature = signatureHeaders(body, { secret, nowMs: Date.now() });
    const headers = { 'idempotency-key': id, ...signature };
    const result = await this.#poster.post({ url, headers, body });
    if (result.kind === 'failed') throw new Error(result.reason);
  }
}
