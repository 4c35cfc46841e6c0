// Files and batches as one part of a daemon: the lines of a batch become deferred jobs, and the ends of
// these the outcomes of its lines. Where nothing is deferred, nothing of it runs.
import type { Redis } from 'ioredis';
import type { LineQueue } from './batches/line-queue.ts';
import type { LineEnd } from './batches/outcome.ts';
import { Batches } from './batches/service.ts';
import type { Config } from './config/schema.ts';
import type { Service } from './core/service.ts';
import type { JobOutcome } from './deferral/job.ts';
import type { Deferral } from './deferral/service.ts';
import type { OnEnded } from './deferral/worker.ts';
import { collectBatches, observeBatches } from './http/batch-telemetry.ts';
import { serveBatches } from './http/routes/batches.ts';
import { serveFiles } from './http/routes/files.ts';
import type { Beside } from './http/routes/proxy.ts';
import type { Logger } from './log/logger.ts';
import type { BatchMetrics } from './metrics/batch-metrics.ts';
import type { KeyStyle } from './redis/keys.ts';

export interface BatchingOptions {
  readonly config: Config;
  readonly redis: Redis;
  readonly keyStyle: KeyStyle;
  readonly metrics: BatchMetrics;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Nothing is asked of it before it is there. */
  readonly deferral: () => Deferral;
}

export interface Batching extends Service {
  /** To be told of every deferred job that has ended, before that is acknowledged. */
  readonly onEnded: OnEnded;
  /** What is served below /v1. */
  readonly beside: Beside;
  /** Brings the gauge up to date. Never rejects. */
  collect(): Promise<void>;
}

/** The stage whose share of the parked work is that of batches. */
const STAGE = 'batch';
const CANCELLED_AT_ONCE = 50;

export function createBatching(options: BatchingOptions): Batching {
  const { config, redis, keyStyle, metrics, logger, deferral } = options;
  const { enabled, stages } = config.deferral;
  if (!enabled || !Object.hasOwn(stages, STAGE)) return OFF;
  const { cell } = config.scheduler;
  const queue = lineQueueOf(deferral, (job, outcome) => onEnded(job, outcome));
  const maxBodyBytes = (): number => config.deferral.maxPayloadBytes;
  const batches = new Batches({ redis, cell, keyStyle, queue, maxBodyBytes, config: () => config });
  const onEnded = onLineEnded(batches, deferral);
  observeBatches(batches.events, metrics);
  batches.events.on('ended', (event) => logger.info('a batch has ended', event));
  batches.events.on('stepFailed', ({ error }) => {
    logger.warn('a step of a batch failed; it is done again', { error });
  });
  return {
    onEnded,
    beside: {
      files: serveFiles({ files: batches.files, config }),
      batches: serveBatches({ batches }),
    },
    collect: () => collectBatches(batches, metrics),
    start: () => batches.start(),
    stop: () => batches.stop(),
  };
}

const OFF: Batching = {
  onEnded: () => Promise.resolve(),
  beside: {},
  collect: () => Promise.resolve(),
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};

/** `onEnded` is told of what is cancelled at once: a worker may be long in coming. */
export function lineQueueOf(deferral: () => Deferral, onEnded: OnEnded): LineQueue {
  return {
    submit: async (batch, lines, nowMs) => {
      const { id, tenant, endpoint, expiresAtMs } = batch;
      const maxAgeMs = Math.max(1, expiresAtMs - nowMs);
      const jobs = lines.map(({ place, model, body }) => ({
        ...{ stage: STAGE, tenant, slot: model, delayMs: 0, maxAgeMs },
        // With a space, which no caller's key has: else one could stand in the line's place.
        key: `${id} ${place}`,
        request: { path: endpoint, headers: { 'content-type': 'application/json' }, body },
        batch: { id, line: String(place) },
      }));
      const taken: string[] = [];
      for (const submission of await deferral().submitMany(jobs)) {
        if (submission.kind === 'full') break;
        taken.push(submission.job.id);
      }
      return taken;
    },
    cancel: async (jobs, isForced) => {
      for (let from = 0; from < jobs.length; from += CANCELLED_AT_ONCE) {
        const some = jobs.slice(from, from + CANCELLED_AT_ONCE);
        await Promise.all(some.map((id) => cancelJob(id, { deferral, onEnded, isForced })));
      }
    },
  };
}

async function cancelJob(
  id: string,
  by: {
    readonly deferral: () => Deferral;
    readonly onEnded: OnEnded;
    readonly isForced: boolean;
  },
): Promise<void> {
  const job = await by.deferral().find(undefined, id);
  if (job === undefined || (job.status === 'running' && !by.isForced)) return;
  if (!(await by.deferral().cancel(id))) return;
  const outcome = {
    kind: 'cancelled',
    code: 'cancelled',
    message: 'Its batch has ended.',
  } as const;
  await by.onEnded(job, { ...outcome, endedAtMs: job.submittedAtMs });
}

/** The batch keeps what became of its line, so the job's own record need not stay. */
export function onLineEnded(
  batches: Pick<Batches, 'lineEnded'>,
  deferral: () => Pick<Deferral, 'forget'>,
): OnEnded {
  return async ({ id, batch }, outcome) => {
    if (batch === undefined) return;
    await batches.lineEnded(batch.id, batch.line, endOf(outcome));
    await deferral().forget(id);
  };
}

function endOf(outcome: JobOutcome): LineEnd {
  if (outcome.kind === 'answered') {
    const { status, headers, body } = outcome.answer;
    return { kind: 'answered', status, requestId: headers['x-request-id'] ?? '', body };
  }
  const { kind, code, message } = outcome;
  return kind === 'failed' ? { kind, code, message } : { kind };
}
