// What is counted of alerts on their way to people. The first two names are those that dashboards of
// the cost estimator's breaker know; they are about all alerts.
import { Counter, Gauge, type Registry } from 'prom-client';

export type AlertMetrics = ReturnType<typeof alertMetrics>;

export function alertMetrics(registry: Registry) {
  const registers = [registry];
  return {
    alertQueueDepth: new Gauge({
      name: 'costsim_cb_alert_queue_depth',
      help: 'Notices of alerts of the whole cell that are neither sent nor given up; NaN where the store cannot tell.',
      aggregator: 'max',
      registers,
    }),
    alertSendFailures: new Counter({
      name: 'costsim_cb_alert_send_failures_total',
      help: 'Calls to Alertmanagers and webhooks that failed; what they carried is sent again.',
      registers,
    }),
    alertsFiring: new Gauge({
      name: 'slotkeeper_alerts_firing',
      help: 'Alerts of the whole cell that fire, by severity.',
      labelNames: ['severity'],
      aggregator: 'max',
      registers,
    }),
    alertsSent: new Counter({
      name: 'slotkeeper_alerts_sent_total',
      help: 'Notices that a destination took, by their state.',
      labelNames: ['state'],
      registers,
    }),
    alertsGivenUp: new Counter({
      name: 'slotkeeper_alerts_given_up_total',
      help: 'Notices and alerts that will not arrive, by the reason.',
      labelNames: ['reason'],
      registers,
    }),
  };
}
