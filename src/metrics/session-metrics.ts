// What is counted of requests with a session. Who counts it is observe.ts's matter.
import type { Registry } from 'prom-client';
import { HotCounter } from './hot-counter.ts';

export function sessionMetrics(registry: Registry) {
  const registers = [registry];
  return {
    sessionGrants: new HotCounter({
      name: 'slotkeeper_session_grants_total',
      help: 'Grants to requests with a session: on its account (hit), on another one meanwhile (spilled), on another one from now on (rebound), on its first one (bound).',
      labelNames: ['result'],
      registers,
    }),
  };
}
