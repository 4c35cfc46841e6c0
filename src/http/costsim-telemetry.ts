// What cost control tells, as counters and log lines; and its state, read from the store for scrapes.
import type { CostsimEmitter } from '../costsim/events.ts';
import type { DriftFigures } from '../costsim/drift.ts';
import type { BreakerState } from '../costsim/store.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/registry.ts';

export interface CostsimTelemetry {
  readonly metrics: Metrics;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

const FAILURE_LINE_MS = 5000;
/** The label of what is measured over all models; one that is named so counts as `other`. */
const ALL = 'all';

/** Subscribes for the life of the emitter, which is the daemon's. */
export function observeCostsim(
  events: CostsimEmitter,
  { metrics, logger }: CostsimTelemetry,
): void {
  for (const kind of ['tripped', 'disabled'] as const) {
    events.on(kind, (change) => {
      metrics.costsimDisabled.inc();
      logger.error('the estimator v2 was taken out of service: v1 reserves', { ...change });
    });
  }
  for (const kind of ['recovered', 'enabled'] as const) {
    events.on(kind, (change) => {
      metrics.costsimEnabled.inc();
      if (kind === 'recovered') metrics.costsimRecoveries.inc();
      logger.warn('the estimator v2 is in service again', { ...change });
    });
  }
  events.on('incident', (change) => {
    metrics.costsimIncidents.inc();
    logger.warn('the drift of the estimator v2 was beyond its bound', { ...change });
  });
  events.on('warned', (change) => {
    logger.warn('the drift of the estimator v2 comes near its bound', { ...change });
  });
  events.on('stateLost', (change) => {
    metrics.costsimStatesLost.inc();
    logger.error('the state of the estimator’s breaker could not be read', { ...change });
  });
  events.on('unreadable', ({ reason }) => metrics.costsimUnreadable.inc({ reason }));
  events.on('dropped', ({ records }) => metrics.provenanceDropped.inc(records));
  logFailures(events, logger);
}

function logFailures(events: CostsimEmitter, logger: CostsimTelemetry['logger']): void {
  let lastLineAtMs = -Infinity;
  events.on('failed', ({ error }) => {
    const nowMs = performance.now();
    if (nowMs - lastLineAtMs < FAILURE_LINE_MS) return;
    lastLineAtMs = nowMs;
    logger.warn('provenance could not be recorded; it is tried again', { error });
  });
}

/** What is read for a scrape; undefined where it could not be. */
export interface CostsimFigures {
  readonly breaker: BreakerState;
  readonly drift: readonly DriftFigures[];
  readonly records: number;
}

export function showCostsim(metrics: Metrics, figures: CostsimFigures | undefined): void {
  // A drift that could not be read must not look current.
  metrics.costsimDrift.reset();
  metrics.costsimDriftSamples.reset();
  metrics.costsimState.set(figures?.breaker.state === 'open' ? 1 : 0);
  metrics.costsimFailures.set(figures?.breaker.consecutiveFailures ?? 0);
  metrics.provenanceRecords.set(figures?.records ?? 0);
  for (const { estimator, against, model: named, samples, p50, p95 } of figures?.drift ?? []) {
    const model = named === undefined ? ALL : named === ALL ? 'other' : named;
    const labels = { estimator, against, model };
    metrics.costsimDriftSamples.set(labels, samples);
    metrics.costsimDrift.set({ ...labels, quantile: '0.5' }, p50);
    metrics.costsimDrift.set({ ...labels, quantile: '0.95' }, p95);
  }
}
