// Concurrent appends to the journals of sessions, by processes that are killed in between, beside cuts
// by a model that takes a moment: whether each message is somewhere, once.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { auditJournals } from '../../src/journal/audit.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import type { FromWriter, ToWriter, Writing } from '../contenders/journal-writer.ts';
import { accounts, startScheduler } from '../contenders/ours.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import type { Bench, Figures, Scenario } from '../harness/scenario.ts';

const MESSAGES = 10_000;
const SESSIONS = 100;
const WRITERS = 4;
const KILLS = 5;
/** Appends that a process has under way at once. */
const CHUNK = 500;
const CELL = 'journal';
const LEASE_MS = 1000;
const MODEL_TIMEOUT_MS = 1000;
const PROGRAM = fileURLToPath(new URL('../contenders/journal-writer.ts', import.meta.url));

export const journal: Scenario = {
  name: 'journal',
  describe: `${MESSAGES} concurrent appends to ${SESSIONS} sessions with cuts, ${KILLS} writers killed`,
  bars: [
    { name: 'journal-missing', op: '<=', target: 0, unit: 'messages' },
    { name: 'journal-doubled', op: '<=', target: 0, unit: 'messages' },
  ],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const cell = { cell: CELL, accounts: accounts(1, 1), leaseMs: LEASE_MS };
    await startScheduler(bench, redis, cell);
    const startMs = performance.now();
    const told = await writeAll(bench, redis);
    const seconds = (performance.now() - startMs) / 1000;
    const { missing, doubled } = await judge(redis);
    const figures: Figures = { appends_per_second: MESSAGES / seconds, ...told };
    return {
      kind: 'measured',
      rounds: new Map([['journal', [figures]]]),
      readings: { 'journal-missing': missing, 'journal-doubled': doubled },
      notes: [
        'what a killed writer had under way is sent again: a repeat adds nothing',
        'a look of the audit at each session, while cuts go on',
      ],
    };
  },
};

/** Resolves when every message has been acknowledged. */
async function writeAll(bench: Bench, redis: RedisServer): Promise<Figures> {
  const chunks = chunksOf(MESSAGES / CHUNK);
  const all = chunks.length;
  let done = 0;
  let kills = 0;
  let cells = 0;
  const work = async (): Promise<void> => {
    let writer = await startWriter(bench, redis);
    for (let chunk = chunks.pop(); chunk !== undefined; chunk = chunks.pop()) {
      const isFatal = kills < KILLS && done >= (all * (kills + 1)) / (KILLS + 2);
      if (isFatal) {
        kills += 1;
        chunks.push(chunk);
        writer.send({ kind: 'append', writings: chunk });
        await writer.kill(Math.random() * 30);
        cells += writer.cells();
        writer = await startWriter(bench, redis);
      } else {
        await writer.append(chunk);
        done += 1;
        bench.progress(`${done * CHUNK} of ${MESSAGES} messages, ${kills} writers killed`);
      }
    }
    cells += writer.cells();
  };
  await Promise.all(Array.from({ length: WRITERS }, work));
  return { kills, cells };
}

function chunksOf(count: number): Writing[][] {
  return Array.from({ length: count }, (_, chunk) =>
    Array.from({ length: CHUNK }, (__, i) => {
      const number = chunk * CHUNK + i;
      const message = { sender_id: 'bench', role: 'user', timestamp: number } as const;
      const session = `s${number % SESSIONS}`;
      return { session, message: { ...message, content: `message ${number}` } };
    }),
  );
}

interface Writer {
  send(message: ToWriter): void;
  append(writings: readonly Writing[]): Promise<void>;
  /** kill -9, so much later. */
  kill(afterMs: number): Promise<void>;
  cells(): number;
}

async function startWriter(bench: Bench, { port }: RedisServer): Promise<Writer> {
  const child: ChildProcess = fork(PROGRAM, [], { execArgv: ['--import', 'tsx'] });
  bench.defer(() => Promise.resolve(child.kill('SIGKILL')));
  let cells = 0;
  child.on('message', (message: FromWriter) => (cells = message.cells));
  const send = (message: ToWriter): void => void child.send(message, () => undefined);
  const begun = once(child, 'message');
  const times = { leaseMs: LEASE_MS, timeoutMs: MODEL_TIMEOUT_MS };
  send({ kind: 'begin', port, cell: CELL, ...times });
  await begun;
  return {
    send,
    append: async (writings) => {
      const appended = once(child, 'message');
      send({ kind: 'append', writings });
      await appended;
    },
    kill: async (afterMs) => {
      const ended = once(child, 'exit');
      setTimeout(() => child.kill('SIGKILL'), afterMs);
      await ended;
    },
    cells: () => cells,
  };
}

async function judge({ port }: RedisServer): Promise<{ missing: number; doubled: number }> {
  const redis = await connectRedis(`redis://127.0.0.1:${port}`, {
    timeoutMs: 30_000,
    name: 'bench',
  });
  const { differences, messages } = await auditJournals({ redis, cell: CELL, keyStyle: 'plain' });
  redis.disconnect();
  const sum = (where: string): number =>
    differences
      .filter((one) => one.where === where)
      .reduce((total, { expected, found }) => total + Math.abs(expected - found), 0);
  const missing = Math.abs(MESSAGES - messages) + sum('journal_missing');
  return { missing, doubled: sum('journal_doubled') + sum('journal_strange') };
}
