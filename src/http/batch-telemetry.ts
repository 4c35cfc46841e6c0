// What batches tell, as counters; and how many are open, read from the store for scrapes.
import type { BatchState } from '../batches/batch.ts';
import type { BatchEmitter } from '../batches/events.ts';
import type { Batches } from '../batches/service.ts';
import type { BatchMetrics } from '../metrics/batch-metrics.ts';

const ENDS: readonly BatchState[] = ['completed', 'failed', 'expired', 'cancelled'];

/** Subscribes for the life of the emitter, which is the daemon's. */
export function observeBatches(events: BatchEmitter, metrics: BatchMetrics): void {
  for (const state of ENDS) metrics.batchesEnded.inc({ state }, 0);
  for (const result of ['completed', 'failed']) metrics.batchLines.inc({ result }, 0);
  events.on('created', () => metrics.batchesCreated.inc());
  events.on('ended', ({ state, completed, failed }) => {
    metrics.batchesEnded.inc({ state });
    metrics.batchLines.inc({ result: 'completed' }, completed);
    metrics.batchLines.inc({ result: 'failed' }, failed);
  });
  events.on('stepFailed', () => metrics.batchStepFailures.inc());
}

/** Brings the gauge up to date. Never rejects. */
export async function collectBatches(
  batches: Pick<Batches, 'openCount'>,
  metrics: BatchMetrics,
): Promise<void> {
  metrics.batchesOpen.set(await batches.openCount().catch(() => NaN));
}
