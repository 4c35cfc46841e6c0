// Journals of sessions over one cell, and short ways to say what people say in them.
import { journalSchema, type JournalConfig } from '../../src/config/journal-schema.ts';
import type { z } from 'zod';
import type { Message, PlacedMessage } from '../../src/journal/message.ts';
import { JournalStore, type NewCell, type Snapshot } from '../../src/journal/store.ts';
import type { AssembledScript } from '../../src/redis/assemble.ts';
import type { TestRedis } from './redis.ts';

export interface JournalWish {
  readonly cell?: string;
  readonly config?: z.input<typeof journalSchema>;
  readonly script?: AssembledScript;
  readonly clock?: () => number;
}

/** On, with a model to ask after two messages. */
export function journalConfig(wish: z.input<typeof journalSchema> = {}): JournalConfig {
  const { boundary, ...rest } = wish;
  return journalSchema.parse({
    enabled: true,
    boundary: { route: 'boundary', minMessages: 2, everyMessages: 1, ...boundary },
    ...rest,
  });
}

/** A store of its own clock, in a cell of its own. */
export function aJournalStore(server: TestRedis, wish: JournalWish = {}) {
  const { cell = server.cell(), config, script, clock } = wish;
  const time = { ms: 1000 };
  const settings = journalConfig(config);
  const store = new JournalStore({
    redis: server.redis,
    cell,
    keyStyle: 'tagged',
    config: () => settings,
    clock: clock ?? (() => time.ms),
    ...(script && { script }),
  });
  return { store, time, cell };
}

/** One that differs from others by its text. */
export function aMessage(content: string, over: Partial<Message> = {}): Message {
  return { sender_id: 'ann', role: 'user', timestamp: 1000, content, ...over };
}

/** `count` of them, named after `prefix`. */
export function someMessages(prefix: string, count: number): readonly Message[] {
  return Array.from({ length: count }, (_, i) => aMessage(`${prefix}${i + 1}`));
}

export const PAGE = { after: 0, limit: 100 } as const;
/** A session of the tenant `team`. */
export const S = 'team/s1';

/** The same with short ways to look at the session `S`. */
export function aJournal(server: TestRedis, wish: JournalWish = {}) {
  const journal = aJournalStore(server, wish);
  const { store } = journal;
  return {
    ...journal,
    buffered: async () => texts((await store.buffer(S, PAGE)).messages),
    celled: async (cell: number) => texts(await store.celled(S, cell, PAGE)),
    dueAt: async () => (await store.buffer(S, PAGE)).cutDueAtMs,
    snapshot: async (fence: number): Promise<Snapshot> => {
      const found = await store.snapshot(S, fence);
      if (found.kind !== 'snapshot') throw new Error(`no snapshot: ${found.kind}`);
      return found;
    },
  };
}

export function texts(messages: readonly PlacedMessage[]): readonly unknown[] {
  return messages.map(({ message }) => message.content);
}

export function cellOf(messages: readonly PlacedMessage[]): NewCell {
  return { about: { by: 'model' }, ids: messages.map(({ id }) => id) };
}
