// Tenants and budgets: what is spent, what is left, who is refused and why. Amounts are in units of
// the budget's currency here.
import { CELL, lines, ofCell, perSecond, stat, type Query, type Sheet } from './panels.ts';

const money = ([expr, legend]: Query): Query => [`${expr} / 1e6`, legend];
const ofBudget = (part: string, legend: string): Query =>
  money(ofCell(`slotkeeper_budget_${part}_micro`, legend));
const ofTenant = (part: string): string =>
  `max by (tenant) (slotkeeper_tenant_budget_${part}_micro{${CELL}})`;

export const tenants: Sheet = {
  uid: 'slotkeeper-tenants',
  title: 'Slotkeeper: tenants and budgets',
  about: 'What is spent and left, and who is refused. Tenants: the 50 that it matters most for.',
  rows: [
    {
      title: 'The budget over everything, in its period',
      panels: [
        stat(['Spent', 'short'], [ofBudget('settled', 'settled')]),
        stat(['Reserved', 'short'], [ofBudget('reserved', 'reserved')]),
        stat(['Left', 'short'], [ofBudget('left', 'left')]),
        stat(['Warns at', 'short'], [ofBudget('warn', 'warn')]),
        stat(['Stops at', 'short'], [ofBudget('stop', 'stop')]),
        stat(['Above reserves', 'short'], [ofBudget('overrun', 'overrun')]),
        lines(
          ['Spent and reserved', 'short'],
          [
            ofBudget('settled', 'settled'),
            ofBudget('reserved', 'reserved'),
            ofBudget('stop', 'stop'),
          ],
        ),
        lines(
          ['Spent an hour, at the present pace', 'short'],
          [[`3600 * max(deriv(slotkeeper_budget_settled_micro{${CELL}}[10m])) / 1e6`, 'an hour']],
        ),
        lines(
          ['Warnings', 'short'],
          [[`sum(increase(slotkeeper_budget_warnings_total{${CELL}}[1h]))`, 'within an hour']],
        ),
      ],
    },
    {
      title: 'Tenants',
      panels: [
        lines(
          ['Used of its budget', 'percentunit'],
          [
            [
              `(${ofTenant('settled')} + ${ofTenant('reserved')}) / (${ofTenant('stop')} > 0)`,
              '{{tenant}}',
            ],
          ],
        ),
        lines(['Spent', 'short'], [[`${ofTenant('settled')} / 1e6`, '{{tenant}}']]),
        lines(
          ['Slots', 'short'],
          [[`max by (tenant) (slotkeeper_tenant_in_flight{${CELL}})`, '{{tenant}}']],
        ),
      ],
    },
    {
      title: 'Requests',
      panels: [
        lines(
          ['Refused', 'reqps'],
          [perSecond('slotkeeper_decisions_total', 'reason', ',result="denied"')],
          'budget_stop: a budget; tenant_rate, tenant_concurrency: a tenant’s own limits.',
        ),
        lines(['By route', 'reqps'], [perSecond('slotkeeper_requests_total', 'route')]),
        lines(
          ['Ends of waiting', 'ops'],
          [perSecond('slotkeeper_queue_wait_seconds_count', 'result')],
        ),
      ],
    },
  ],
};
