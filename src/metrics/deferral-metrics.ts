// What is counted of work that waits: jobs that are parked, and how they end. Stages are names of the
// configuration; why a job waits is one of the words that the gateway has for it, or `other`.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type DeferralMetrics = ReturnType<typeof deferralMetrics>;

/** From seconds to a week: what waits waits for hours. */
const AGE_BUCKETS = [
  1, 10, 60, 300, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 259_200, 604_800,
];

export function deferralMetrics(registry: Registry) {
  return { ...standing(registry), ...happenings(registry) };
}

/** Read from the store. */
function standing(registry: Registry) {
  const ofTheCell = { aggregator: 'max' as const, registers: [registry] };
  return {
    deferredJobs: new Gauge({
      name: 'slotkeeper_deferred_jobs',
      help: 'Parked jobs of the whole cell: those that are not due yet (waiting), and those that are and wait for their turn (ready).',
      labelNames: ['stage', 'state'],
      ...ofTheCell,
    }),
    deferredOldest: new Gauge({
      name: 'slotkeeper_deferred_oldest_seconds',
      help: 'Age of the oldest job that is neither dead nor ended; 0 without any.',
      labelNames: ['stage'],
      ...ofTheCell,
    }),
    deferredRunning: new Gauge({
      name: 'slotkeeper_deferred_running',
      help: 'Jobs of the whole cell that workers have.',
      ...ofTheCell,
    }),
    deferredDead: new Gauge({
      name: 'slotkeeper_deferred_dead',
      help: 'Jobs of the whole cell that are tried no more until an operator says so.',
      ...ofTheCell,
    }),
    deferredRoom: new Gauge({
      name: 'slotkeeper_deferred_room',
      help: 'Jobs that the cell would still take.',
      ...ofTheCell,
    }),
  };
}

function happenings(registry: Registry) {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `slotkeeper_deferred_${name}_total`, help, labelNames, registers });
  return {
    deferredParked: counter(
      'parked',
      'Jobs that were taken, by why they wait; none: not tried before.',
      ['stage', 'reason'],
    ),
    deferredAgain: counter(
      'again',
      'Tries of parked jobs that ended with waiting again, and why.',
      ['stage', 'reason'],
    ),
    deferredEnded: counter(
      'ended',
      'Jobs that have ended: answered, failed, expired or cancelled.',
      ['stage', 'result'],
    ),
    deferredAge: new Histogram({
      name: 'slotkeeper_deferred_age_seconds',
      help: 'Time from the submission of a job to its end.',
      labelNames: ['stage'],
      buckets: AGE_BUCKETS,
      registers,
    }),
    deferredFailures: counter(
      'failures',
      'Tries that failed by our own fault, or whose daemon died.',
      ['stage'],
    ),
    deferredDrained: counter('drained', 'Parked jobs that operators have made due.', ['stage']),
    deferredRefused: counter('refused', 'Jobs that were not taken: as many waited as may.', [
      'stage',
    ]),
    deferredWebhookFailures: counter(
      'webhook_failures',
      'Calls of webhooks that failed: tried again, or given up.',
      ['result'],
    ),
  };
}
