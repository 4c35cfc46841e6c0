// A process with a journal of its own, told what to do by its parent's messages. Its model cuts after the
// second message; told so, the process stops dead between the model's answer and the move.
import { journalSchema, type JournalConfig } from '../../../src/config/journal-schema.ts';
import type { AskModel } from '../../../src/journal/ask.ts';
import { Journal } from '../../../src/journal/service.ts';
import { connectRedis } from '../../../src/redis/connection.ts';
import { Scheduler } from '../../../src/scheduler/scheduler.ts';
import type { FromJournal, ToJournal } from '../journal-processes.ts';

const ANSWER = JSON.stringify({
  choices: [{ message: { content: '{"reasoning":"","boundaries":[2],"should_wait":false}' } }],
});

function tell(message: FromJournal): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

/** Nothing of this process runs any more: what it was about to do is not done. */
function stopDead(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

async function begin({ url, options, config, stopsDead }: Extract<ToJournal, { kind: 'begin' }>) {
  const redis = await connectRedis(url, { timeoutMs: 5000, name: 'journal' });
  const scheduler = new Scheduler({ ...options, redis });
  await scheduler.join();
  await scheduler.start();
  const ask: AskModel = async () => {
    await tell({ kind: 'asked' });
    if (stopsDead) stopDead();
    return { kind: 'answered', body: ANSWER };
  };
  const settings: JournalConfig = journalSchema.parse(config);
  const journal = new Journal({
    redis,
    cell: options.cell,
    keyStyle: options.keyStyle,
    config: () => settings,
    scheduler,
    ask,
  });
  await journal.start();
  await tell({ kind: 'ready' });
  return journal;
}

let journal: Journal | undefined;

process.on('message', (message: ToJournal) => {
  if (message.kind === 'begin') {
    void begin(message).then((begun) => (journal = begun));
    return;
  }
  const { ref, messages } = message;
  void journal?.append(ref, messages).then(({ added }) => tell({ kind: 'appended', added }));
});
process.on('disconnect', () => process.exit());
