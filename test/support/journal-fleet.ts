// Daemons with journals over one cell, and models that answer as a test wants.
import { onTestFinished } from 'vitest';
import type { AskModel, Question } from '../../src/journal/ask.ts';
import type { JournalEvents } from '../../src/journal/events.ts';
import { Journal, nameOf, type SessionRef } from '../../src/journal/service.ts';
import { JournalStore } from '../../src/journal/store.ts';
import { messageId, type Message } from '../../src/journal/message.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { journalConfig, PAGE, type JournalWish } from './journals.ts';
import type { TestRedis } from './redis.ts';
import { aScheduler } from './schedulers.ts';

export interface JournalDaemon {
  readonly journal: Journal;
  readonly scheduler: Scheduler;
  readonly store: JournalStore;
  /** Names of the events that it has told, those of appends left out. */
  readonly told: (keyof JournalEvents)[];
}

export interface DaemonWish extends Omit<JournalWish, 'clock'> {
  readonly ask: AskModel;
  readonly leaseMs?: number;
}

/** Started; ends with its test. */
export async function aJournalDaemon(server: TestRedis, wish: DaemonWish): Promise<JournalDaemon> {
  const { cell = server.cell(), ask, config, script, leaseMs = 30_000 } = wish;
  const redis = await server.connect();
  const scheduler = await aScheduler({ redis, cell, keyStyle: 'tagged', leaseMs });
  const settings = journalConfig({ lookMs: 60_000, ...config });
  const parts = { redis, cell, keyStyle: 'tagged', config: () => settings } as const;
  const options = { ...parts, ...(script && { script }) };
  const journal = new Journal({ ...options, scheduler, ask });
  const told: (keyof JournalEvents)[] = [];
  for (const name of ['cut', 'held', 'stageDeferred', 'stale', 'cutFailed'] as const) {
    journal.events.on(name, () => told.push(name));
  }
  await journal.start();
  onTestFinished(() => journal.stop());
  return { journal, scheduler, store: new JournalStore(parts), told };
}

/** A chat completion that says this. */
export function completionOf(answer: unknown): string {
  const content = typeof answer === 'string' ? answer : JSON.stringify(answer);
  return JSON.stringify({ choices: [{ message: { role: 'assistant', content } }] });
}

/** Cuts after these messages. */
export function cutsAt(...boundaries: readonly unknown[]): string {
  return completionOf({ reasoning: 'the subject has changed', boundaries, should_wait: false });
}

/** A model that always answers the same. */
export function always(body: string): AskModel {
  return () => Promise.resolve({ kind: 'answered', body });
}

/** How many messages a question shows. */
export function shownIn({ body }: Question): number {
  const { messages } = JSON.parse(body) as { messages: readonly { content: string }[] };
  return (messages[1]?.content ?? '').split('\n').length;
}

/** A model that answers when it is told to; questions wait for their answers in order. */
export function aHeldModel() {
  const asked: { question: Question; answer: (body: string) => void }[] = [];
  const heard: (() => void)[] = [];
  const ask: AskModel = (question, signal) =>
    new Promise((resolve) => {
      const answer = (body: string): void => resolve({ kind: 'answered', body });
      signal.addEventListener('abort', () => resolve({ kind: 'failed', error: 'Aborted' }));
      asked.push({ question, answer });
      heard.splice(0).forEach((tell) => tell());
    });
  /** Resolves with the question of that number, from 1, once it is asked. */
  const question = async (number: number) => {
    while (asked.length < number) await new Promise<void>((resolve) => heard.push(resolve));
    return asked[number - 1]!;
  };
  return { ask, question, asked };
}

/** The contents of the buffer and of each cell, and what the check says. */
export async function contentsOf(store: JournalStore, ref: SessionRef) {
  const name = nameOf(ref);
  const { messages } = await store.buffer(name, { after: 0, limit: 1000 });
  const cells = await store.cells(name, { after: 0, limit: 1000 });
  const celled = await Promise.all(
    cells.map(({ number }) => store.celled(name, number, { ...PAGE, limit: 1000 })),
  );
  const ids = [...messages, ...celled.flat()].map(({ id }) => id).sort();
  return {
    buffered: messages.map(({ message }) => message.content),
    celled: celled.map((cell) => cell.map(({ message }) => message.content)),
    ids,
    check: await store.check(name),
  };
}

/** Sorted, for comparing. */
export function idsOf(messages: readonly Message[]): readonly string[] {
  return messages.map(messageId).sort();
}
