// What is told of the canary. Both times are the cell's, so every daemon shows the same.
import { Gauge, type Registry } from 'prom-client';

export type CanaryMetrics = ReturnType<typeof canaryMetrics>;

export function canaryMetrics(registry: Registry) {
  const registers = [registry];
  return {
    canaryLastSuccess: new Gauge({
      name: 'costsim_canary_last_success_timestamp_seconds',
      help: 'Unix time of the last canary that passed; 0 where none has yet.',
      aggregator: 'max',
      registers,
    }),
    canaryLastRun: new Gauge({
      name: 'costsim_canary_last_run_timestamp_seconds',
      help: 'Unix time of the last canary that ended, however it was judged; 0 where none has yet.',
      aggregator: 'max',
      registers,
    }),
  };
}
