// Every metric of the daemon: its name, what it means, its labels and buckets. Nothing is counted
// here (observe.ts) or read from the store (collect.ts). Labels come from the configuration;
// whatever callers send becomes `other` (labels.ts). No request, session or key is ever a label.
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { OUTAGE_CAUSES } from '../core/events.ts';
import { costsimMetrics } from './costsim-metrics.ts';
import { estimateMetrics } from './estimate-metrics.ts';
import { canaryMetrics } from './canary-metrics.ts';
import { alertMetrics } from './alert-metrics.ts';
import { batchMetrics } from './batch-metrics.ts';
import { deferralMetrics } from './deferral-metrics.ts';
import { HotCounter } from './hot-counter.ts';
import { HotHistogram } from './hot-histogram.ts';
import { journalMetrics } from './journal-metrics.ts';
import { leaderMetrics } from './leader-metrics.ts';
import { sessionMetrics } from './session-metrics.ts';
import {
  budgetMetrics,
  cellMetrics,
  healthMetrics,
  memoryMetrics,
  storeMetrics,
} from './shared-metrics.ts';
import { tenantMetrics } from './tenant-metrics.ts';

const OVERHEAD_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5];
const FIRST_BYTE_BUCKETS = [
  0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 20, 60, 300,
];
const DURATION_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600];

/** Gauges of prom-client with a counter’s name; the same by type are there, too. */
const MISNAMED = ['active_handles_total', 'active_requests_total', 'active_resources_total'];

export type Metrics = ReturnType<typeof createMetrics>;

/** A registry of its own per daemon: several daemons may live in one process. */
export function createMetrics(build: { readonly version: string }) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'slotkeeper_' });
  for (const name of MISNAMED) registry.removeSingleMetric(`slotkeeper_nodejs_${name}`);
  const metrics = {
    registry,
    ...requestMetrics(registry),
    ...estimateMetrics(registry),
    ...schedulerMetrics(registry),
    ...sessionMetrics(registry),
    ...journalMetrics(registry),
    ...queueMetrics(registry),
    ...rolloutMetrics(registry),
    ...storeMetrics(registry),
    ...memoryMetrics(registry),
    ...cellMetrics(registry),
    ...budgetMetrics(registry),
    ...tenantMetrics(registry),
    reloads: new Counter({
      name: 'slotkeeper_reloads_total',
      help: 'Readings of the configuration: applied, unchanged, refused for its faults, or failed.',
      labelNames: ['result'],
      registers: [registry],
    }),
    ...healthMetrics(registry),
    ...leaderMetrics(registry),
    ...costsimMetrics(registry),
    ...canaryMetrics(registry),
    ...alertMetrics(registry),
    ...deferralMetrics(registry),
    ...batchMetrics(registry),
    buildInfo: new Gauge({
      name: 'slotkeeper_build_info',
      help: 'Always 1; its labels say what runs.',
      labelNames: ['version', 'node'],
      registers: [registry],
    }),
  };
  // From 0 on: a rate of the first outage would be missed otherwise.
  for (const reason of OUTAGE_CAUSES) {
    metrics.outages.inc({ reason }, 0);
    metrics.outageSeconds.inc({ reason }, 0);
  }
  metrics.buildInfo.set({ version: build.version, node: process.version }, 1);
  return metrics;
}

function requestMetrics(registry: Registry) {
  const registers = [registry];
  return {
    requests: new HotCounter({
      name: 'slotkeeper_requests_total',
      help: 'Finished HTTP requests by kind of path, route (model alias) and class of status.',
      labelNames: ['path', 'route', 'status'],
      registers,
    }),
    attempts: new HotCounter({
      name: 'slotkeeper_attempts_total',
      help: 'Upstream attempts of proxied requests, by pool and outcome.',
      labelNames: ['pool', 'outcome'],
      registers,
    }),
    failovers: new HotCounter({
      name: 'slotkeeper_failovers_total',
      help: 'Attempts that were followed by another one elsewhere, by their pool and outcome.',
      labelNames: ['pool', 'outcome'],
      registers,
    }),
    overheadSeconds: new HotHistogram({
      name: 'slotkeeper_overhead_seconds',
      help: 'Time that the daemon itself added to a proxied request.',
      buckets: OVERHEAD_BUCKETS,
      registers,
    }),
    upstreamSeconds: new HotHistogram({
      name: 'slotkeeper_upstream_seconds',
      help: 'Time of an upstream call from its start to the end of its answer.',
      labelNames: ['pool'],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    upstreamFirstByteSeconds: new HotHistogram({
      name: 'slotkeeper_upstream_first_byte_seconds',
      help: 'Time of an upstream call from its start to the first byte of its answer: of a stream, to its first token.',
      labelNames: ['pool'],
      buckets: FIRST_BYTE_BUCKETS,
      registers,
    }),
  };
}

function schedulerMetrics(registry: Registry) {
  const registers = [registry];
  return {
    decisions: new HotCounter({
      name: 'slotkeeper_decisions_total',
      help: 'Answers to acquires: granted, replayed or denied, with the reason of a denial.',
      labelNames: ['pool', 'result', 'reason'],
      registers,
    }),
    releases: new HotCounter({
      name: 'slotkeeper_releases_total',
      help: 'Slots given back by their holders, by pool and outcome.',
      labelNames: ['pool', 'outcome'],
      registers,
    }),
    leaseHeldSeconds: new HotHistogram({
      name: 'slotkeeper_lease_held_seconds',
      help: 'Time from the grant of a lease to its release by its holder.',
      labelNames: ['pool'],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    heldLeases: new Gauge({
      name: 'slotkeeper_held_leases',
      help: 'Leases that this daemon holds and renews.',
      registers,
    }),
    leasesLost: new Counter({
      name: 'slotkeeper_leases_lost_total',
      help: 'Held leases that the store took back; their work was aborted.',
      registers,
    }),
    releaseFailures: new Counter({
      name: 'slotkeeper_release_failures_total',
      help: 'Releases that were not confirmed before their lease expired.',
      registers,
    }),
    slotsReaped: new Counter({
      name: 'slotkeeper_slots_reaped_total',
      help: 'Slots taken back from holders that neither renewed nor released.',
      registers,
    }),
    overage: new Counter({
      name: 'slotkeeper_overage_total',
      help: 'Leases registered above a limit after a loss of data.',
      registers,
    }),
    corruptRecords: new Counter({
      name: 'slotkeeper_corrupt_records_total',
      help: 'Records of the store that could not be decoded and were set aside.',
      registers,
    }),
    auditDifferences: new Gauge({
      name: 'slotkeeper_audit_differences',
      help: 'Counters that disagreed with the leases in the last audit; anything but 0 is a defect.',
      aggregator: 'max',
      registers,
    }),
  };
}

function queueMetrics(registry: Registry) {
  const registers = [registry];
  return {
    queueWaiting: new Gauge({
      name: 'slotkeeper_queue_waiting',
      help: 'Requests of this daemon that wait for a slot.',
      registers,
    }),
    handOffs: new HotCounter({
      name: 'slotkeeper_hand_offs_total',
      help: 'Slots that went to a request that had waited, by pool.',
      labelNames: ['pool'],
      registers,
    }),
    queueWaitSeconds: new HotHistogram({
      name: 'slotkeeper_queue_wait_seconds',
      help: 'Time that a queued request waited, by what ended it: granted, denied or left.',
      labelNames: ['pool', 'result'],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    budgetWarnings: new Counter({
      name: 'slotkeeper_budget_warnings_total',
      help: 'Crossings of a budget’s warning that this daemon’s calls made.',
      registers,
    }),
  };
}

function rolloutMetrics(registry: Registry) {
  const registers = [registry];
  return {
    unscheduled: new HotCounter({
      name: 'slotkeeper_unscheduled_requests_total',
      help: 'Requests that ran without a slot, by how their pool was switched and what had refused them.',
      labelNames: ['pool', 'scheduling', 'reason'],
      registers,
    }),
    armRequests: new HotCounter({
      name: 'slotkeeper_rollout_requests_total',
      help: 'Finished requests by rollout, arm and end: ok, error (429 or 5xx) or left.',
      labelNames: ['rollout', 'arm', 'result'],
      registers,
    }),
    armFirstByteSeconds: new HotHistogram({
      name: 'slotkeeper_rollout_first_byte_seconds',
      help: 'Time of an upstream call to its first byte, by rollout and arm.',
      labelNames: ['rollout', 'arm'],
      buckets: FIRST_BYTE_BUCKETS,
      registers,
    }),
    armCost: new Counter({
      name: 'slotkeeper_rollout_cost_micro_total',
      help: 'What requests have cost by rollout and arm, in micro-units.',
      labelNames: ['rollout', 'arm'],
      registers,
    }),
    unscheduledWindow: new Counter({
      name: 'slotkeeper_unscheduled_window_seconds_total',
      help: 'Time in which a pool was not enforced for all of its requests: it may have been oversold.',
      labelNames: ['pool', 'scheduling'],
      registers,
    }),
  };
}
