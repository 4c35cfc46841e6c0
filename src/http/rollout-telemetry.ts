// What switches tell, as counters and log lines: a window in which accounts may be oversold must
// never go unseen.
import type { Logger } from '../log/logger.ts';
import type { Labels } from '../metrics/labels.ts';
import type { Metrics } from '../metrics/registry.ts';
import type { RolloutEmitter } from '../rollout/events.ts';

export interface RolloutTelemetry {
  readonly metrics: Metrics;
  readonly labels: Labels;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Subscribes for the life of the emitter, which is the daemon's. */
export function observeRollout(events: RolloutEmitter, telemetry: RolloutTelemetry): void {
  const { metrics, labels, logger } = telemetry;
  events.on('switched', (event) => {
    const isOpen = event.scheduling !== 'enforce';
    const what = isOpen ? 'may be oversold from now on' : 'is enforced again';
    logger.warn(`a pool was switched: it ${what}`, event);
  });
  events.on('window', ({ pool, scheduling, seconds }) => {
    metrics.unscheduledWindow.inc({ pool: labels.pool(pool), scheduling }, seconds);
  });
  events.on('unscheduled', ({ pool, scheduling, reason }) => {
    metrics.unscheduled.inc({ pool: labels.pool(pool), scheduling, reason });
  });
}
