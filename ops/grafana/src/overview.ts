// The first look: does it serve, how fast, is anything leaking, is Redis well.
import {
  bars,
  CELL,
  lastHour,
  lines,
  ofCell,
  perSecond,
  quantiles,
  stat,
  type Sheet,
} from './panels.ts';

const REQUESTS = `sum(rate(slotkeeper_requests_total{${CELL}}[$__rate_interval]))`;
const FAILED = `sum(rate(slotkeeper_requests_total{${CELL},status="5xx"}[$__rate_interval]))`;
const IN_FLIGHT = `sum(max by (cell, pool, account) (slotkeeper_account_in_flight{${CELL}}))`;
const LIMIT = `sum(max by (cell, pool, account) (slotkeeper_account_limit{${CELL}}))`;

export const overview: Sheet = {
  uid: 'slotkeeper-overview',
  title: 'Slotkeeper: overview',
  about: 'Whether it serves, how fast, whether anything leaks, and whether Redis is well.',
  rows: [
    {
      title: 'Now',
      panels: [
        stat(['Daemons', 'short'], [[`count(slotkeeper_build_info{${CELL}})`, 'daemons']]),
        stat(['Redis reached', 'short'], [[`min(slotkeeper_store_up{${CELL}})`, '1: by all']]),
        stat(['Slots taken', 'percentunit'], [[`${IN_FLIGHT} / ${LIMIT}`, 'of all']]),
        stat(['Waiting', 'short'], [ofCell('slotkeeper_cell_waiting', 'requests')]),
        stat(['Requests', 'reqps'], [[REQUESTS, 'all']]),
        stat(['Failing', 'percentunit'], [[`${FAILED} / ${REQUESTS}`, '5xx of all']]),
      ],
    },
    {
      title: 'Requests',
      panels: [
        lines(['Requests by status', 'reqps'], [perSecond('slotkeeper_requests_total', 'status')]),
        lines(
          ['Time to the first token', 's'],
          quantiles('slotkeeper_upstream_first_byte_seconds'),
        ),
        lines(['Upstream duration', 's'], quantiles('slotkeeper_upstream_seconds')),
        lines(['Own overhead', 's'], quantiles('slotkeeper_overhead_seconds')),
        lines(
          ['Refusals', 'reqps'],
          [perSecond('slotkeeper_decisions_total', 'reason', ',result="denied"')],
        ),
        lines(['Failovers', 'reqps'], [perSecond('slotkeeper_failovers_total', 'outcome')]),
      ],
    },
    {
      title: 'Slots and waiting',
      panels: [
        lines(
          ['Slots', 'short'],
          [
            [IN_FLIGHT, 'taken'],
            [LIMIT, 'all'],
            ofCell('slotkeeper_cell_leases', 'leases'),
            [`sum(slotkeeper_held_leases{${CELL}})`, 'held by daemons'],
          ],
        ),
        lines(
          ['Waiting', 'short'],
          [
            ofCell('slotkeeper_cell_waiting', 'all'),
            ofCell('slotkeeper_cell_lane_waiting', 'behind others of their session'),
            [`sum(slotkeeper_queue_waiting{${CELL}})`, 'as daemons count them'],
          ],
        ),
        lines(['Hand-offs', 'ops'], [perSecond('slotkeeper_hand_offs_total', 'pool')]),
        lines(['Time waited', 's'], quantiles('slotkeeper_queue_wait_seconds')),
        bars(
          ['Leaks, within an hour', 'short'],
          [
            lastHour('slotkeeper_slots_reaped_total', 'slots reaped'),
            lastHour('slotkeeper_leases_lost_total', 'leases lost'),
            lastHour('slotkeeper_release_failures_total', 'releases unconfirmed'),
            lastHour('slotkeeper_overage_total', 'overage'),
            lastHour('slotkeeper_corrupt_records_total', 'records set aside'),
            ofCell('slotkeeper_audit_differences', 'differences of the last audit'),
          ],
          'All of it is 0 in good times.',
        ),
        lines(['Sessions', 'ops'], [perSecond('slotkeeper_session_grants_total', 'result')]),
      ],
    },
    {
      title: 'Redis and daemons',
      panels: [
        lines(['Time of a tick', 's'], quantiles('slotkeeper_tick_seconds')),
        lines(
          ['Operations a tick', 'short'],
          [
            [
              `sum(rate(slotkeeper_tick_operations_sum{${CELL}}[$__rate_interval])) / ` +
                `sum(rate(slotkeeper_tick_operations_count{${CELL}}[$__rate_interval]))`,
              'mean',
            ],
          ],
        ),
        lines(
          ['Memory of Redis', 'bytes'],
          [
            ofCell('slotkeeper_store_memory_used_bytes', 'used'),
            ofCell('slotkeeper_store_memory_max_bytes', 'limit (0: none)'),
          ],
        ),
        bars(
          ['Store trouble, within an hour', 'short'],
          [
            lastHour('slotkeeper_store_errors_total', 'failed calls'),
            lastHour('slotkeeper_store_outages_total', 'outages'),
            lastHour('slotkeeper_store_outage_seconds_total', 'seconds of outage'),
            lastHour('slotkeeper_recoveries_total', 'losses of data'),
            lastHour('slotkeeper_local_grants_total', 'grants without the store'),
          ],
        ),
        lines(
          ['Event loop lag, p99', 's'],
          [
            [
              `max by (instance) (slotkeeper_nodejs_eventloop_lag_p99_seconds{${CELL}})`,
              '{{instance}}',
            ],
          ],
        ),
        lines(
          ['Daemons', 'short'],
          [
            [
              `sum by (instance) (rate(slotkeeper_process_cpu_seconds_total{${CELL}}[$__rate_interval]))`,
              'CPU {{instance}}',
            ],
            [`sum(slotkeeper_leader{${CELL}})`, 'leaders'],
          ],
        ),
      ],
    },
  ],
};
