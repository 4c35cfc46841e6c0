// The canary as a part of a daemon: made of the daemon's parts, shown and logged. What it does is
// costsim/'s matter; what it reads, replays and trips is given.
import type { Redis } from 'ioredis';
import type { Config } from './config/schema.ts';
import { msToSeconds } from './core/units.ts';
import { Canary, type CanaryOptions } from './costsim/canary.ts';
import type { CanaryEmitter } from './costsim/canary-events.ts';
import { CanaryStore } from './costsim/canary-store.ts';
import type { Logger } from './log/logger.ts';
import type { CanaryMetrics } from './metrics/canary-metrics.ts';
import type { KeyStyle } from './redis/keys.ts';

export interface EstimatorCanaryOptions extends Omit<CanaryOptions, 'store' | 'config'> {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Reads as the configuration in force. */
  readonly config: Pick<Config, 'costsim'>;
  readonly metrics: CanaryMetrics;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

export interface EstimatorCanary {
  readonly events: CanaryEmitter;
  readonly store: CanaryStore;
  /** Brings the gauges up to date; never rejects. */
  readonly readMore: () => Promise<void>;
  stop(): Promise<void>;
}

export async function startEstimatorCanary(
  options: EstimatorCanaryOptions,
): Promise<EstimatorCanary> {
  const config = () => options.config.costsim.canary;
  const store = new CanaryStore({ ...options, config });
  const canary = new Canary({ ...options, store, config });
  logCanary(canary.events, options.logger);
  await canary.start();
  const readMore = async (): Promise<void> => {
    const state = await store.state().catch(() => undefined);
    if (state === undefined) return;
    options.metrics.canaryLastRun.set(msToSeconds(state.lastRunAtMs ?? 0));
    options.metrics.canaryLastSuccess.set(msToSeconds(state.lastSuccessAtMs ?? 0));
  };
  return { events: canary.events, store, readMore, stop: () => canary.stop() };
}

/** Subscribes for the life of the emitter, which is the daemon's. */
function logCanary(events: CanaryEmitter, logger: EstimatorCanaryOptions['logger']): void {
  let isFailing = false;
  events.on('began', (event) => {
    isFailing = false;
    logger.info('the canary runs', event);
  });
  events.on('reported', ({ report: { id: run, verdict, findings, sample } }) => {
    const facts = { run, verdict, findings, compared: sample.compared };
    if (verdict === 'failed') logger.error('the canary has failed', facts);
    else logger.info('the canary has ended', facts);
  });
  events.on('broken', (event) => {
    logger.warn('the canary was broken off; it is begun again', event);
  });
  events.on('failed', ({ error }) => {
    if (!isFailing) logger.warn('the canary cannot look what there is to do', { error });
    isFailing = true;
  });
}
