// Live traffic beside a batch that drains through the same accounts: what the slowest of a hundred live
// requests takes, beside what it takes without the batch.
import { setTimeout as delay } from 'node:timers/promises';
import OpenAI from 'openai';
import { beginBatch } from '../contenders/batch-fleet.ts';
import {
  measureLive,
  startLiveDaemon,
  type LiveDaemon,
  type LiveSetting,
} from '../contenders/live-daemon.ts';
import { ratioOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Scenario } from '../harness/scenario.ts';

/** Slots for all live clients and all jobs: nobody is interrupted, so with fewer, live ones wait. */
const SETTING: LiveSetting = { accounts: 8, slots: 8, answerMs: 200, clients: 32, jobs: 16 };
const ALONE = 'live alone';
const BESIDE = 'beside a batch';
/** With shorter ones, the slowest of a hundred is hardly more than one request. */
const LEAST_SECONDS = 5;
const LEAST_LINES = 4000;
const POLL_MS = 200;
const PATIENCE_MS = 60_000;

export const liveP99: Scenario = {
  name: 'live-p99',
  describe:
    `${SETTING.clients} live clients, alone and beside a batch of ${LEAST_LINES} lines that drains ` +
    `${SETTING.jobs} at once; ${SETTING.accounts} accounts of ${SETTING.slots} slots for both, ` +
    `answers after ${SETTING.answerMs} ms`,
  bars: [{ name: 'live-p99-while-draining', op: '<=', target: 1.2, unit: 'x' }],
  run: async (bench) => {
    const daemon = await startLiveDaemon(bench, SETTING);
    const rounds = await takeTurns(bench, [alone(daemon), besideBatch(daemon)]);
    return {
      kind: 'measured',
      rounds,
      readings: { 'live-p99-while-draining': ratioOf(rounds, 'p99_ms', BESIDE, ALONE) },
      notes: ['one daemon; driver, daemon, Redis and upstream share the cores'],
    };
  },
};

const lengthOf = (seconds: number): number => Math.max(LEAST_SECONDS, seconds);

function alone({ origin }: LiveDaemon): Contender {
  return {
    name: ALONE,
    round: (seconds) => measureLive(origin, SETTING.clients, lengthOf(seconds)),
  };
}

function besideBatch({ origin, untilDrained }: LiveDaemon): Contender {
  const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'unused', maxRetries: 5 });
  return {
    name: BESIDE,
    round: async (asked) => {
      const seconds = lengthOf(asked);
      const fastest = (SETTING.jobs * 1000) / SETTING.answerMs;
      const lines = Math.max(LEAST_LINES, Math.ceil(2 * fastest * seconds));
      const id = await beginBatch(client, lines);
      const before = await untilBatch(client, id, ({ ended }) => ended >= SETTING.jobs);
      const figures = await measureLive(origin, SETTING.clients, seconds);
      const after = await untilBatch(client, id, () => true);
      const drained = after.ended - before.ended;
      if (drained === 0 || after.status !== 'in_progress') {
        throw new Error(`the batch was ${after.status}, and ${drained} of its lines were drained`);
      }
      await client.batches.cancel(id);
      await untilBatch(client, id, ({ status }) => status === 'cancelled');
      await untilDrained();
      return { ...figures, lines_per_second: drained / seconds };
    },
  };
}

interface Progress {
  readonly status: string;
  /** Lines that have an outcome. */
  readonly ended: number;
}

async function untilBatch(
  client: OpenAI,
  id: string,
  holds: (progress: Progress) => boolean,
): Promise<Progress> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const { status, request_counts: counts } = await client.batches.retrieve(id);
    const progress = { status, ended: (counts?.completed ?? 0) + (counts?.failed ?? 0) };
    if (holds(progress)) return progress;
    if (performance.now() > deadlineMs) throw new Error(`the batch is ${status} after its time`);
    await delay(POLL_MS);
  }
}
