// A daemon's journal in a process of its own, which appends what its parent tells it and is killed at any
// time. Its model takes a moment and cuts anywhere, waits, or fails: what it answers is told by chance.
import { setTimeout as sleep } from 'node:timers/promises';
import { configSchema } from '../../src/config/schema.ts';
import { journalSchema } from '../../src/config/journal-schema.ts';
import type { AskModel } from '../../src/journal/ask.ts';
import type { Message } from '../../src/journal/message.ts';
import { Journal } from '../../src/journal/service.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';

export interface Writing {
  readonly session: string;
  readonly message: Message;
}

export type ToWriter =
  | {
      readonly kind: 'begin';
      readonly port: number;
      readonly cell: string;
      readonly leaseMs: number;
      /** Longest time in ms that a model takes; a claim is twice as long. */
      readonly timeoutMs: number;
    }
  | { readonly kind: 'append'; readonly writings: readonly Writing[] };

export interface FromWriter {
  readonly kind: 'ready' | 'appended';
  /** Cells that its cuts have made so far. */
  readonly cells: number;
}

const SLOWEST_MODEL_MS = 20;
const HOLDS = 0.2;
const FAILS = 0.1;
const AGAIN_MS = 50;

const ask: AskModel = async ({ body }) => {
  await sleep(Math.random() * SLOWEST_MODEL_MS);
  const chance = Math.random();
  if (chance < FAILS) return { kind: 'failed', error: 'ConnectRefused' };
  const { messages } = JSON.parse(body) as { messages: readonly { content: string }[] };
  const shown = messages[1]?.content.split('\n').length ?? 0;
  const boundaries = chance < FAILS + HOLDS ? [] : [1 + Math.floor(Math.random() * shown)];
  const content = JSON.stringify({ reasoning: '', boundaries, should_wait: false });
  return { kind: 'answered', body: JSON.stringify({ choices: [{ message: { content } }] }) };
};

async function begin(told: Extract<ToWriter, { kind: 'begin' }>) {
  const { port, cell, leaseMs, timeoutMs } = told;
  const defaults = configSchema.parse({ pools: {} });
  const at = { timeoutMs: defaults.redis.timeoutMs, name: 'bench' };
  const redis = await connectRedis(`redis://127.0.0.1:${port}`, at);
  const options = { ...defaults.scheduler, redis, cell, leaseMs, keyStyle: 'plain' } as const;
  const scheduler = new Scheduler({ ...options, timeoutMs: at.timeoutMs });
  await scheduler.join();
  await scheduler.start();
  const config = journalSchema.parse({
    enabled: true,
    boundary: { route: 'bench', minMessages: 4, everyMessages: 2, timeoutMs },
    lookMs: 100,
    retryMs: 50,
    retryMaxMs: 200,
  });
  const journal = new Journal({
    ...{ redis, cell, scheduler, ask, keyStyle: 'plain' },
    config: () => config,
  });
  await journal.start();
  return journal;
}

let journal: Journal | undefined;
let cells = 0;

/** As a caller does who is told that the store did not answer: again, until it is taken. */
async function appended({ session, message }: Writing): Promise<void> {
  try {
    await journal?.append({ tenant: 'bench', session }, [message]);
  } catch {
    await sleep(AGAIN_MS);
    await appended({ session, message });
  }
}

function tell(kind: FromWriter['kind']): void {
  process.send?.({ kind, cells } satisfies FromWriter);
}

process.on('message', (told: ToWriter) => {
  if (told.kind === 'begin') {
    void begin(told).then((begun) => {
      journal = begun;
      journal.events.on('cut', (event) => (cells += event.cells));
      tell('ready');
    });
    return;
  }
  void Promise.all(told.writings.map(appended)).then(() => tell('appended'));
});
process.on('disconnect', () => process.exit());
