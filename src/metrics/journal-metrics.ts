// What is counted of the journals of sessions. No session is ever a label.
import { Counter, type Registry } from 'prom-client';

export type JournalMetrics = ReturnType<typeof journalMetrics>;

export function journalMetrics(registry: Registry) {
  const registers = [registry];
  return {
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
