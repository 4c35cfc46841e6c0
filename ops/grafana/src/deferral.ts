// Work that waits: deferred jobs, batches, and the journals of sessions.
import { CELL, lastHour, lines, ofCell, perSecond, quantiles, stat, bars } from './panels.ts';
import type { Query, Sheet } from './panels.ts';

const byStage = (state: string): Query => [
  `max by (stage) (slotkeeper_deferred_jobs{${CELL},state="${state}"})`,
  `{{stage}}, ${state}`,
];

export const deferral: Sheet = {
  uid: 'slotkeeper-deferral',
  title: 'Slotkeeper: work that waits',
  about:
    'Deferred jobs and batches: how many, how old, why and how they end. Journals of sessions.',
  rows: [
    {
      title: 'Deferred jobs, now',
      panels: [
        stat(
          ['Not due', 'short'],
          [
            [
              `sum(max by (cell, stage) (slotkeeper_deferred_jobs{${CELL},state="waiting"}))`,
              'jobs',
            ],
          ],
        ),
        stat(
          ['Due', 'short'],
          [[`sum(max by (cell, stage) (slotkeeper_deferred_jobs{${CELL},state="ready"}))`, 'jobs']],
        ),
        stat(['Running', 'short'], [ofCell('slotkeeper_deferred_running', 'jobs')]),
        stat(['Dead', 'short'], [ofCell('slotkeeper_deferred_dead', 'jobs')]),
        stat(['Oldest', 's'], [ofCell('slotkeeper_deferred_oldest_seconds', 'age')]),
        stat(
          ['Room for', 'short'],
          [[`min(slotkeeper_deferred_room{${CELL}})`, 'more jobs']],
          'At 0 new ones are refused.',
        ),
      ],
    },
    {
      title: 'Deferred jobs',
      panels: [
        lines(['Parked jobs', 'short'], [byStage('waiting'), byStage('ready')]),
        lines(
          ['Age of the oldest', 's'],
          [[`max by (stage) (slotkeeper_deferred_oldest_seconds{${CELL}})`, '{{stage}}']],
        ),
        lines(['Time to the end', 's'], quantiles('slotkeeper_deferred_age_seconds')),
        lines(
          ['Parked, by reason', 'ops'],
          [perSecond('slotkeeper_deferred_parked_total', 'reason')],
        ),
        lines(
          ['Put off again, by reason', 'ops'],
          [perSecond('slotkeeper_deferred_again_total', 'reason')],
        ),
        lines(['Ended', 'ops'], [perSecond('slotkeeper_deferred_ended_total', 'result')]),
        lines(
          ['Shares of stages', 'ops'],
          [perSecond('slotkeeper_deferred_ended_total', 'stage')],
          'Backlogged stages end in the ratio of their weights.',
        ),
        bars(
          ['Drained, within an hour', 'short'],
          [lastHour('slotkeeper_deferred_drained_total', 'jobs')],
        ),
        bars(
          ['Trouble, within an hour', 'short'],
          [
            lastHour('slotkeeper_deferred_failures_total', 'failures of ours'),
            lastHour('slotkeeper_deferred_refused_total', 'refused'),
            lastHour('slotkeeper_deferred_webhook_failures_total', 'calls of webhooks'),
            lastHour('slotkeeper_batch_step_failures_total', 'steps of batches'),
          ],
        ),
      ],
    },
    {
      title: 'Batches',
      panels: [
        lines(
          ['Batches', 'short'],
          [
            ofCell('slotkeeper_batches_open', 'open'),
            lastHour('slotkeeper_batches_created_total', 'created within an hour'),
          ],
        ),
        lines(
          ['Batches that ended', 'ops'],
          [perSecond('slotkeeper_batches_ended_total', 'state')],
        ),
        lines(
          ['Lines of these', 'ops'],
          [perSecond('slotkeeper_batch_lines_total', 'result')],
          'They count when their batch ends.',
        ),
      ],
    },
    {
      title: 'Journals of sessions',
      panels: [
        lines(
          ['Sessions', 'short'],
          [
            ofCell('slotkeeper_journal_sessions', 'kept'),
            ofCell('slotkeeper_journal_sessions_due', 'whose cut is due'),
          ],
        ),
        lines(
          ['A cut is late by', 's'],
          [ofCell('slotkeeper_journal_overdue_seconds', 'the first one')],
        ),
        lines(['Messages', 'ops'], [perSecond('slotkeeper_journal_messages_total', 'result')]),
        lines(['Cells', 'ops'], [perSecond('slotkeeper_journal_cells_total', 'reason')]),
        lines(
          ['Nothing cut', 'ops'],
          [perSecond('slotkeeper_journal_held_total', 'reason')],
          'wait: the model would wait. All others: its answer was none.',
        ),
        bars(
          ['Trouble, within an hour', 'short'],
          [
            lastHour('slotkeeper_journal_deferred_total', 'model not asked'),
            lastHour('slotkeeper_journal_stale_total', 'changed hands'),
            lastHour('slotkeeper_journal_cut_failures_total', 'store'),
          ],
        ),
      ],
    },
  ],
};
