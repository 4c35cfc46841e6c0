// The metrics of cost control: the breaker of `v2`, the drift of estimates, what was recorded of it.
// Their names are what dashboards and rules know. See registry.ts.
import { Counter, Gauge, type Registry } from 'prom-client';

export function costsimMetrics(registry: Registry) {
  return { ...breakerCounters(registry), ...driftMetrics(registry) };
}

/** Counted by the daemon whose call made the change: summed over daemons they are the fleet's. */
function breakerCounters(registry: Registry) {
  const registers = [registry];
  return {
    costsimDisabled: new Counter({
      name: 'costsim_cb_disabled_total',
      help: 'Times that the estimator v2 was taken out of service: trips, and by hand.',
      registers,
    }),
    costsimEnabled: new Counter({
      name: 'costsim_cb_enabled_total',
      help: 'Times that it was put back into service: by recovery, and by hand.',
      registers,
    }),
    costsimRecoveries: new Counter({
      name: 'costsim_cb_auto_recovery_total',
      help: 'Times that it came back by itself after its cool-down.',
      registers,
    }),
    costsimIncidents: new Counter({
      name: 'costsim_cb_incidents_total',
      help: 'Judged intervals whose drift was beyond the bound.',
      registers,
    }),
    costsimUnreadable: new Counter({
      name: 'costsim_cb_unreadable_total',
      help: 'Decisions for which the breaker’s state could not be read, so that v2 counted as enabled.',
      labelNames: ['reason'],
      registers,
    }),
    costsimStatesLost: new Counter({
      name: 'costsim_cb_states_lost_total',
      help: 'Stored states of the breaker that were no states; each was replaced by a closed one.',
      registers,
    }),
  };
}

function driftMetrics(registry: Registry) {
  const registers = [registry];
  return {
    costsimState: new Gauge({
      name: 'costsim_cb_state',
      help: 'The breaker of the estimator v2 over all daemons: 1 open, so that v1 reserves; else 0.',
      aggregator: 'max',
      registers,
    }),
    costsimFailures: new Gauge({
      name: 'costsim_cb_consecutive_failures',
      help: 'Incidents in a row, over all daemons.',
      aggregator: 'max',
      registers,
    }),
    costsimDrift: new Gauge({
      name: 'costsim_drift_ratio',
      help: 'Quantiles of |estimate − reference| / reference over the window and all daemons, by upstream model, and for all of them together.',
      labelNames: ['estimator', 'against', 'model', 'quantile'],
      aggregator: 'max',
      registers,
    }),
    costsimDriftSamples: new Gauge({
      name: 'costsim_drift_samples',
      help: 'Requests in the window that the drift was measured on.',
      labelNames: ['estimator', 'against', 'model'],
      aggregator: 'max',
      registers,
    }),
    provenanceRecords: new Gauge({
      name: 'costsim_provenance_records',
      help: 'Provenance records that the store holds.',
      aggregator: 'max',
      registers,
    }),
    provenanceWaiting: new Gauge({
      name: 'costsim_provenance_waiting',
      help: 'Records of this daemon that the store does not have yet.',
      registers,
    }),
    provenanceDropped: new Counter({
      name: 'costsim_provenance_dropped_total',
      help: 'Records of this daemon that were given up: its buffer was full, or it ended.',
      registers,
    }),
  };
}
