// What is counted of the leader's election. Who counts it is leading.ts's matter.
import { Counter, Gauge, type Registry } from 'prom-client';

export type LeaderMetrics = ReturnType<typeof leaderMetrics>;

export function leaderMetrics(registry: Registry) {
  const registers = [registry];
  return {
    leader: new Gauge({
      name: 'slotkeeper_leader',
      help: 'Whether this daemon leads its cell (1) or not (0).',
      registers,
    }),
    leaderTerms: new Counter({
      name: 'slotkeeper_leader_terms_total',
      help: 'Times that this daemon has come to lead its cell.',
      registers,
    }),
    leaderTryFailures: new Counter({
      name: 'slotkeeper_leader_try_failures_total',
      help: 'Tries to lead, or to go on leading, that had no answer from the store.',
      registers,
    }),
  };
}
