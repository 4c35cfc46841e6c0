// Cost control: whether v2 is in service, how far both estimators are off, what is known of it.
import {
  bars,
  CELL,
  lastHour,
  lines,
  ofCell,
  perSecond,
  stat,
  type Query,
  type Sheet,
} from './panels.ts';

const drift = (against: string, quantile: string): Query => [
  `max by (estimator) (costsim_drift_ratio{${CELL},against="${against}",model="all",quantile="${quantile}"})`,
  `{{estimator}} p${Number(quantile) * 100}`,
];

const sinceCanary = (what: string, legend: string): Query => [
  `time() - max(costsim_canary_last_${what}_timestamp_seconds{${CELL}})`,
  legend,
];

export const costsim: Sheet = {
  uid: 'slotkeeper-costsim',
  title: 'Slotkeeper: cost control',
  about: 'The estimator v2: its breaker, its drift, its canary, and what is recorded of it.',
  rows: [
    {
      title: 'The breaker of v2',
      panels: [
        stat(['Breaker', 'short'], [ofCell('costsim_cb_state', '1: open, v1 reserves')]),
        stat(
          ['Incidents in a row', 'short'],
          [ofCell('costsim_cb_consecutive_failures', 'intervals')],
        ),
        stat(
          ['Drift of v2, p95', 'percentunit'],
          [
            [
              `max(costsim_drift_ratio{${CELL},estimator="v2",against="actual",model="all",quantile="0.95"})`,
              'warns at 15 %, trips at 20 %',
            ],
          ],
        ),
        stat(
          ['Measured on', 'short'],
          [
            [
              `max(costsim_drift_samples{${CELL},estimator="v2",against="actual",model="all"})`,
              'requests',
            ],
          ],
        ),
        stat(['Last canary', 's'], [sinceCanary('run', 'ago')]),
        stat(['Last canary that passed', 's'], [sinceCanary('success', 'ago')]),
        bars(
          ['Within an hour', 'short'],
          [
            lastHour('costsim_cb_disabled_total', 'taken out of service'),
            lastHour('costsim_cb_enabled_total', 'put back'),
            lastHour('costsim_cb_auto_recovery_total', 'recovered by itself'),
            lastHour('costsim_cb_incidents_total', 'incidents'),
            lastHour('costsim_cb_states_lost_total', 'states lost'),
          ],
        ),
      ],
    },
    {
      title: 'Drift',
      panels: [
        lines(['Against actuals, p95', 'percentunit'], [drift('actual', '0.95')]),
        lines(['Against actuals, p50', 'percentunit'], [drift('actual', '0.5')]),
        lines(
          ['Against the baseline', 'percentunit'],
          [drift('baseline', '0.95'), drift('baseline', '0.5')],
          'v2 against v1.',
        ),
        lines(
          ['v2 against actuals by model, p95', 'percentunit'],
          [
            [
              `max by (model) (costsim_drift_ratio{${CELL},estimator="v2",against="actual",quantile="0.95"})`,
              '{{model}}',
            ],
          ],
        ),
        lines(
          ['Samples', 'short'],
          [
            [
              `max by (estimator, against) (costsim_drift_samples{${CELL},model="all"})`,
              '{{estimator}} against {{against}}',
            ],
          ],
        ),
        lines(
          ['Guessed without the tokenizer', 'reqps'],
          [perSecond('slotkeeper_tokens_guessed_total', 'reason')],
        ),
      ],
    },
    {
      title: 'Alerts on their way',
      panels: [
        lines(
          ['Notices', 'short'],
          [
            ofCell('costsim_cb_alert_queue_depth', 'neither sent nor given up'),
            [`max by (severity) (slotkeeper_alerts_firing{${CELL}})`, 'firing {{severity}}'],
          ],
        ),
        bars(
          ['Within an hour', 'short'],
          [
            lastHour('costsim_cb_alert_send_failures_total', 'failed calls'),
            [
              `sum by (state) (increase(slotkeeper_alerts_sent_total{${CELL}}[1h]))`,
              'sent {{state}}',
            ],
            [
              `sum by (reason) (increase(slotkeeper_alerts_given_up_total{${CELL}}[1h]))`,
              'given up {{reason}}',
            ],
          ],
        ),
      ],
    },
    {
      title: 'Provenance',
      panels: [
        lines(
          ['Records', 'short'],
          [
            ofCell('costsim_provenance_records', 'stored'),
            [`sum(costsim_provenance_waiting{${CELL}})`, 'not stored yet'],
          ],
        ),
        lines(['Given up', 'ops'], [perSecond('costsim_provenance_dropped_total', '')]),
      ],
    },
  ],
};
