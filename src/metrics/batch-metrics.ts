// What is counted of batches and of their lines. The jobs that their lines become count with all others
// of the stage `batch` (deferral-metrics.ts).
import { Counter, Gauge, type Registry } from 'prom-client';

export type BatchMetrics = ReturnType<typeof batchMetrics>;

export function batchMetrics(registry: Registry) {
  const registers = [registry];
  return {
    batchesOpen: new Gauge({
      name: 'slotkeeper_batches_open',
      help: 'Batches of the whole cell that have not ended; NaN where the store cannot tell.',
      aggregator: 'max',
      registers,
    }),
    batchesCreated: new Counter({
      name: 'slotkeeper_batches_created_total',
      help: 'Batches that tenants have created.',
      registers,
    }),
    batchesEnded: new Counter({
      name: 'slotkeeper_batches_ended_total',
      help: 'Batches that have ended, by how: completed, failed, expired or cancelled.',
      labelNames: ['state'],
      registers,
    }),
    batchLines: new Counter({
      name: 'slotkeeper_batch_lines_total',
      help: 'Lines of batches that have ended: with an answer (completed), or with an error (failed).',
      labelNames: ['result'],
      registers,
    }),
    batchStepFailures: new Counter({
      name: 'slotkeeper_batch_step_failures_total',
      help: 'Steps of batches that failed; they are done again.',
      registers,
    }),
  };
}
