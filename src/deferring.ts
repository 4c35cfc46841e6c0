// Deferral as one part of a daemon: live requests are parked there, and parked ones are run by the
// gateway as any other. Where it is off nothing of it runs.
import type { Redis } from 'ioredis';
import { createBatching } from './batching.ts';
import type { Config } from './config/schema.ts';
import type { DeferralEmitter } from './deferral/events.ts';
import { Deferral } from './deferral/service.ts';
import type { OnEnded } from './deferral/worker.ts';
import type { Service } from './core/service.ts';
import { createRunJob, type RunJobDeps } from './gateway/deferred.ts';
import type { Gateway } from './gateway/gateway.ts';
import { createServeInner } from './gateway/inner.ts';
import { collectDeferral, observeDeferral } from './http/deferral-telemetry.ts';
import { statusOf } from './http/errors.ts';
import type { Beside } from './http/routes/proxy.ts';
import type { Logger } from './log/logger.ts';
import { oncePer } from './log/once-per.ts';
import type { BatchMetrics } from './metrics/batch-metrics.ts';
import type { DeferralMetrics } from './metrics/deferral-metrics.ts';
import type { KeyStyle } from './redis/keys.ts';

export interface DeferringOptions {
  readonly config: Config;
  readonly redis: Redis;
  readonly keyStyle: KeyStyle;
  readonly gateway: Gateway;
  readonly directory: RunJobDeps['directory'];
  readonly scheduler: { readonly id: string };
  readonly metrics: DeferralMetrics & BatchMetrics;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Told of every end before it is acknowledged; at least once. */
  readonly onEnded?: OnEnded;
}

export interface Deferring extends Pick<Service, 'stop'> {
  /** Undefined where nothing is deferred. */
  readonly deferral: Deferral | undefined;
  /** Brings the gauges up to date. Never rejects. */
  collect(): Promise<void>;
  /** Files and batches, whose lines are deferred jobs. */
  readonly beside: Beside;
}

const FAILURE_LINE_MS = 60_000;

export async function startDeferring(options: DeferringOptions): Promise<Deferring> {
  const { config, redis, gateway, directory, scheduler, metrics, logger } = options;
  if (!config.deferral.enabled) return OFF;
  const serveInner = createServeInner({ gateway, statusOf });
  const batching = createBatching({ ...options, deferral: () => deferral });
  const deferral: Deferral = new Deferral({
    ...{ redis, cell: config.scheduler.cell, config: config.deferral, daemon: scheduler.id },
    run: createRunJob({ serveInner, directory, gateway, deferral: config.deferral }),
    onEnded: async (job, outcome) => {
      await batching.onEnded(job, outcome);
      await options.onEnded?.(job, outcome);
    },
    lockMs: config.scheduler.leaseMs,
    graceMs: config.server.shutdownGraceMs,
  });
  logDeferral(deferral.events, logger);
  const { stages, maxDepth } = config.deferral;
  observeDeferral(deferral.events, { metrics, stages: Object.keys(stages) });
  gateway.parkAt(deferral);
  await deferral.start();
  await batching.start();
  return {
    deferral,
    beside: batching.beside,
    collect: async () => {
      const ofJobs = collectDeferral(deferral, { metrics, maxDepth });
      await Promise.all([ofJobs, batching.collect()]);
    },
    stop: async () => {
      await batching.stop();
      await deferral.stop();
    },
  };
}

const OFF: Deferring = {
  deferral: undefined,
  beside: {},
  collect: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};

function logDeferral(events: DeferralEmitter, logger: DeferringOptions['logger']): void {
  events.on('drained', (event) => logger.info('a stage is drained', event));
  events.on('dead', (event) => logger.error('a deferred job waits for an operator', event));
  const refused = oncePer(FAILURE_LINE_MS);
  events.on('refused', (event) => {
    if (refused()) logger.warn('no more jobs are taken: as many wait as may', event);
  });
  const storeFailed = oncePer(FAILURE_LINE_MS);
  events.on('storeFailed', (event) => {
    if (storeFailed()) logger.warn('deferred jobs are done again: the store did not serve', event);
  });
  const webhookFailed = oncePer(FAILURE_LINE_MS);
  events.on('webhookFailed', (event) => {
    if (event.givenUp || webhookFailed()) logger.warn('a webhook was not told of an end', event);
  });
}
