// What is counted of the journals of sessions. No session is ever a label.
import { Counter, Gauge, type Registry } from 'prom-client';

export type JournalMetrics = ReturnType<typeof journalMetrics>;

export function journalMetrics(registry: Registry) {
  const registers = [registry];
  const ofTheCell = { aggregator: 'max' as const, registers };
  return {
    journalSessions: new Gauge({
      name: 'slotkeeper_journal_sessions',
      help: 'Sessions of the whole cell whose messages are kept; NaN where the store cannot tell.',
      ...ofTheCell,
    }),
    journalDue: new Gauge({
      name: 'slotkeeper_journal_sessions_due',
      help: 'Sessions of the whole cell whose cut could be tried now, and is not.',
      ...ofTheCell,
    }),
    journalOverdue: new Gauge({
      name: 'slotkeeper_journal_overdue_seconds',
      help: 'For how long the first of them has been due; 0 without any.',
      ...ofTheCell,
    }),
    journalMessages: new Counter({
      name: 'slotkeeper_journal_messages_total',
      help: 'Messages that were told to journals: new ones (added), and those they had already (known).',
      labelNames: ['result'],
      registers,
    }),
    journalCells: new Counter({
      name: 'slotkeeper_journal_cells_total',
      help: 'Cells that were made of buffered messages, by who decided: the model, the bound of the buffer (forced), or a flush.',
      labelNames: ['reason'],
      registers,
    }),
    journalHeld: new Counter({
      name: 'slotkeeper_journal_held_total',
      help: 'Answers of the boundary model that cut nothing: it would wait (wait), or what is wrong with the answer.',
      labelNames: ['reason'],
      registers,
    }),
    journalDeferred: new Counter({
      name: 'slotkeeper_journal_deferred_total',
      help: 'Cuts that were put off because the boundary model could not be asked.',
      registers,
    }),
    journalStale: new Counter({
      name: 'slotkeeper_journal_stale_total',
      help: 'Cuts that were not made, because the buffer or the lane had changed hands meanwhile.',
      registers,
    }),
    journalFailures: new Counter({
      name: 'slotkeeper_journal_cut_failures_total',
      help: 'Cuts that the store could not serve; they stay due.',
      registers,
    }),
  };
}
