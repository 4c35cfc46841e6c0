// Pools and accounts: who is full, who is sick, where attempts go.
import { CELL, bars, lines, perSecond, quantiles, stat, type Query, type Sheet } from './panels.ts';

const ofAccounts = (name: string): string => `max by (cell, pool, account) (${name}{${CELL}})`;
const byAccount = (name: string): Query => [
  `max by (pool, account) (${name}{${CELL}})`,
  '{{pool}} {{account}}',
];
const inState = (test: string): string =>
  `count(${ofAccounts('slotkeeper_breaker_state')} ${test})`;

export const pools: Sheet = {
  uid: 'slotkeeper-pools',
  title: 'Slotkeeper: pools and accounts',
  about: 'Which pools are full, which accounts are sick, and where attempts go.',
  rows: [
    {
      title: 'Now',
      panels: [
        stat(['Accounts', 'short'], [[`count(${ofAccounts('slotkeeper_account_limit')})`, 'all']]),
        stat(['Breakers closed', 'short'], [[inState('== 0'), 'accounts']]),
        stat(['Not closed', 'short'], [[inState('> 0'), 'accounts']]),
        stat(
          ['Resting', 'short'],
          [[`count(${ofAccounts('slotkeeper_account_cooling_seconds')} > 0)`, 'accounts']],
        ),
      ],
    },
    {
      title: 'Slots',
      panels: [
        lines(
          ['Slots taken, by pool', 'percentunit'],
          [
            [
              `sum by (pool) (${ofAccounts('slotkeeper_account_in_flight')}) / ` +
                `sum by (pool) (${ofAccounts('slotkeeper_account_limit')})`,
              '{{pool}}',
            ],
          ],
        ),
        lines(['Slots taken, by account', 'short'], [byAccount('slotkeeper_account_in_flight')]),
        lines(
          ['Slots taken, by model', 'short'],
          [[`max by (pool, model) (slotkeeper_model_in_flight{${CELL}})`, '{{pool}} {{model}}']],
        ),
        lines(
          ['Grants', 'ops'],
          [perSecond('slotkeeper_decisions_total', 'pool, result', ',result!="denied"')],
        ),
        lines(['Held', 's'], quantiles('slotkeeper_lease_held_seconds', 'pool')),
        lines(['Waited', 's'], quantiles('slotkeeper_queue_wait_seconds', 'pool')),
      ],
    },
    {
      title: 'Health',
      panels: [
        lines(
          ['Worst breaker', 'short'],
          [byAccount('slotkeeper_breaker_state')],
          '0 closed, 1 half-open, 2 open, 3 unusable: its credential or its quota is dead.',
        ),
        lines(['Resting', 's'], [byAccount('slotkeeper_account_cooling_seconds')]),
        bars(
          ['Changes of health', 'ops'],
          [perSecond('slotkeeper_health_changes_total', 'change')],
        ),
        lines(['Attempts', 'ops'], [perSecond('slotkeeper_attempts_total', 'pool, outcome')]),
        lines(['Failovers', 'ops'], [perSecond('slotkeeper_failovers_total', 'pool, outcome')]),
        lines(['Releases', 'ops'], [perSecond('slotkeeper_releases_total', 'pool, outcome')]),
      ],
    },
    {
      title: 'Upstreams',
      panels: [
        lines(
          ['Time to the first token', 's'],
          quantiles('slotkeeper_upstream_first_byte_seconds', 'pool'),
        ),
        lines(['Duration', 's'], quantiles('slotkeeper_upstream_seconds', 'pool')),
      ],
    },
  ],
};
