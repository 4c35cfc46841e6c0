// The metrics of what the daemons share: Redis, the health of accounts, the cell's counts. See
// registry.ts.
import { Counter, Gauge, type Registry } from 'prom-client';
import { HotHistogram } from './hot-histogram.ts';

const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64];

export function storeMetrics(registry: Registry) {
  const registers = [registry];
  return {
    tickOperations: new HotHistogram({
      name: 'slotkeeper_tick_operations',
      help: 'Operations that one call of the heart carried.',
      buckets: BATCH_BUCKETS,
      registers,
    }),
    tickSeconds: new HotHistogram({
      name: 'slotkeeper_tick_seconds',
      help: 'Time of one call of the heart, as the daemon saw it.',
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    storeErrors: new Counter({
      name: 'slotkeeper_store_errors_total',
      help: 'Calls to Redis that failed or did not answer in time.',
      registers,
    }),
    outages: new Counter({
      name: 'slotkeeper_store_outages_total',
      help: 'Times in which the store could not serve this daemon, by their reason; counted at their end.',
      labelNames: ['reason'],
      registers,
    }),
    outageSeconds: new Counter({
      name: 'slotkeeper_store_outage_seconds_total',
      help: 'Length of those times, the recovery of the cell after them included.',
      labelNames: ['reason'],
      registers,
    }),
    localGrants: new Counter({
      name: 'slotkeeper_local_grants_total',
      help: 'Slots that this daemon granted by itself while the store was away.',
      registers,
    }),
    localSeconds: new Counter({
      name: 'slotkeeper_local_mode_seconds_total',
      help: 'Time in which it did so, counted when the store was back.',
      registers,
    }),
    storeUp: new Gauge({
      name: 'slotkeeper_store_up',
      help: 'Whether the store answered when these metrics were collected (1) or not (0).',
      aggregator: 'min',
      registers,
    }),
    recoveries: new Counter({
      name: 'slotkeeper_recoveries_total',
      help: 'Losses of data that were seen: a new incarnation of the cell began.',
      registers,
    }),
  };
}

export function memoryMetrics(registry: Registry) {
  const shared = { aggregator: 'max' as const, registers: [registry] };
  return {
    storeMemoryUsed: new Gauge({
      name: 'slotkeeper_store_memory_used_bytes',
      help: 'Memory that Redis uses; NaN where it does not tell.',
      ...shared,
    }),
    storeMemoryMax: new Gauge({
      name: 'slotkeeper_store_memory_max_bytes',
      help: 'Memory that Redis may use: when it is full nothing is granted. 0: no limit of its own.',
      ...shared,
    }),
  };
}

/** What is wrong with accounts, as the store knows it and as this daemon's ticks saw it change. */
export function healthMetrics(registry: Registry) {
  const registers = [registry];
  return {
    breakerState: new Gauge({
      name: 'slotkeeper_breaker_state',
      help: 'Worst breaker of the account: 0 closed, 1 half-open, 2 open; 3 where it is unusable.',
      labelNames: ['pool', 'account'],
      aggregator: 'max',
      registers,
    }),
    accountCooling: new Gauge({
      name: 'slotkeeper_account_cooling_seconds',
      help: 'Time for which the whole account still rests because its upstream said so.',
      labelNames: ['pool', 'account'],
      aggregator: 'max',
      registers,
    }),
    healthChanges: new Counter({
      name: 'slotkeeper_health_changes_total',
      help: 'Changes of accounts’ health that this daemon’s ticks saw, by what they changed to.',
      labelNames: ['change'],
      registers,
    }),
  };
}

/** Read from the store when scraped, so every daemon of a cell reports the same values. */
export function cellMetrics(registry: Registry) {
  const shared = { aggregator: 'max' as const, registers: [registry] };
  return {
    accountInFlight: new Gauge({
      name: 'slotkeeper_account_in_flight',
      help: 'Slots of the account that are taken, over all daemons of the cell.',
      labelNames: ['pool', 'account'],
      ...shared,
    }),
    accountLimit: new Gauge({
      name: 'slotkeeper_account_limit',
      help: 'Slots that the account has.',
      labelNames: ['pool', 'account'],
      ...shared,
    }),
    modelInFlight: new Gauge({
      name: 'slotkeeper_model_in_flight',
      help: 'Slots that requests for the upstream model have taken, over all daemons of the cell.',
      labelNames: ['pool', 'model'],
      ...shared,
    }),
    cellWaiting: new Gauge({
      name: 'slotkeeper_cell_waiting',
      help: 'Requests that wait for a slot, over all daemons of the cell.',
      ...shared,
    }),
    cellLaned: new Gauge({
      name: 'slotkeeper_cell_lane_waiting',
      help: 'Waiting requests that stand behind others of their session, over all daemons.',
      ...shared,
    }),
    cellLeases: new Gauge({
      name: 'slotkeeper_cell_leases',
      help: 'Leases that the store holds, over all daemons of the cell.',
      ...shared,
    }),
  };
}

/** The budget over everything; tenants' own are in tenant-metrics.ts. */
export function budgetMetrics(registry: Registry) {
  const shared = { aggregator: 'max' as const, registers: [registry] };
  return {
    budgetSettled: new Gauge({
      name: 'slotkeeper_budget_settled_micro',
      help: 'Spent in this period under the budget over everything, in micro-units.',
      ...shared,
    }),
    budgetReserved: new Gauge({
      name: 'slotkeeper_budget_reserved_micro',
      help: 'Reserved by running requests under the budget over everything, in micro-units.',
      ...shared,
    }),
    budgetStop: new Gauge({
      name: 'slotkeeper_budget_stop_micro',
      help: 'What the budget over everything never admits more than, in micro-units; 0: no stop.',
      ...shared,
    }),
    budgetLeft: new Gauge({
      name: 'slotkeeper_budget_left_micro',
      help: 'What the budget over everything still admits, in micro-units; NaN: it admits everything.',
      ...shared,
    }),
    budgetWarn: new Gauge({
      name: 'slotkeeper_budget_warn_micro',
      help: 'Where the budget over everything warns, in micro-units; 0: nowhere.',
      ...shared,
    }),
    budgetOverrun: new Gauge({
      name: 'slotkeeper_budget_overrun_micro',
      help: 'What actual costs of this period added above their reserves, in micro-units.',
      ...shared,
    }),
  };
}
