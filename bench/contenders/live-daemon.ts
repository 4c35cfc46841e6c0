// One built daemon whose live requests and parked jobs share a pool of accounts, before the simulated
// upstream in a process of its own; and the live load: a fixed number of clients, each asking on.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { Pool } from 'undici';
import { deferralKeys, queueName } from '../../src/redis/deferral-keys.ts';
import { freePort, startChild } from '../harness/children.ts';
import { startRedis } from '../harness/redis.ts';
import type { Bench, Figures } from '../harness/scenario.ts';
import { percentile } from '../harness/stats.ts';
import { CHAT_BODY, CHAT_PATH } from '../harness/wrk.ts';

export interface LiveSetting {
  readonly accounts: number;
  /** Of each account; the upstream refuses what is beyond. */
  readonly slots: number;
  /** Before the first byte of each answer. */
  readonly answerMs: number;
  /** Live requests at once. */
  readonly clients: number;
  /** Parked jobs at once. */
  readonly jobs: number;
}

const CELL = 'main';
const POLL_MS = 100;
const DIST = new URL('../../dist/', import.meta.url);
const MAIN = fileURLToPath(new URL('main.js', DIST));
const CLI = fileURLToPath(new URL('cli/main.js', DIST));

export interface LiveDaemon {
  readonly origin: string;
  /** Until the queue of lines is empty: the last ones have been acknowledged. */
  untilDrained(): Promise<void>;
}

export async function startLiveDaemon(bench: Bench, setting: LiveSetting): Promise<LiveDaemon> {
  if (!existsSync(MAIN)) throw new Error('the daemon is not built: npm run build');
  const redis = await startRedis(bench);
  const upstreamPort = await startUpstream(bench, setting);
  const file = join(bench.directory, 'live.config.yaml');
  writeFileSync(file, JSON.stringify(configuration(setting, redis.port, upstreamPort)));
  const port = await freePort();
  await startChild(bench, {
    command: process.execPath,
    args: [MAIN, '--config', file],
    cwd: bench.directory,
    env: { PATH: process.env['PATH'], SLOTKEEPER_PORT: String(port) },
    port,
  });
  const prefix = deferralKeys(CELL).queues;
  const queue = new Queue(queueName('batch'), { connection: redis.connect(), prefix });
  bench.defer(() => queue.close());
  const untilDrained = async (): Promise<void> => {
    while ((await queue.getJobCountByTypes('wait', 'active', 'delayed')) > 0) await delay(POLL_MS);
  };
  return { origin: `http://127.0.0.1:${port}`, untilDrained };
}

async function startUpstream(bench: Bench, setting: LiveSetting): Promise<number> {
  const port = await freePort();
  const limits = accountsOf(setting).flatMap(({ credential, maxConcurrency }) => {
    return ['--limit', `${credential}=${maxConcurrency}`];
  });
  const behaviour = ['--latency', String(setting.answerMs), '--chunk-delay', '0', '--tokens', '40'];
  await startChild(bench, {
    command: process.execPath,
    args: [CLI, 'sim', '--port', String(port), ...limits, ...behaviour],
    cwd: bench.directory,
    port,
  });
  return port;
}

function accountsOf({ accounts, slots }: LiveSetting) {
  return Array.from({ length: accounts }, (_, i) => {
    return { name: `a${i}`, maxConcurrency: slots, credential: `sk-bench-${i}` };
  });
}

function configuration(setting: LiveSetting, redisPort: number, upstreamPort: number): unknown {
  const baseUrl = `http://127.0.0.1:${upstreamPort}/v1`;
  return {
    redis: { url: `redis://127.0.0.1:${redisPort}` },
    scheduler: { cell: CELL, recoveryMs: 100 },
    log: { level: 'error' },
    pools: { openai: { baseUrl, models: ['gpt-4'], accounts: accountsOf(setting) } },
    deferral: { enabled: true, concurrency: setting.jobs },
    batches: { lookMs: 200 },
  };
}

/** What live requests take from their sending to the last byte of their answer. */
export async function measureLive(
  origin: string,
  clients: number,
  seconds: number,
): Promise<Figures> {
  const pool = new Pool(origin, { connections: clients, pipelining: 1 });
  const latenciesMs: number[] = [];
  const untilMs = performance.now() + seconds * 1000;
  const ask = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const startMs = performance.now();
      await askOnce(pool);
      latenciesMs.push(performance.now() - startMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: clients }, ask));
  } finally {
    await pool.destroy();
  }
  return {
    live_per_second: latenciesMs.length / seconds,
    p50_ms: percentile(latenciesMs, 0.5),
    p99_ms: percentile(latenciesMs, 0.99),
  };
}

async function askOnce(pool: Pool): Promise<void> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: CHAT_PATH,
    headers: { 'content-type': 'application/json', authorization: 'Bearer bench' },
    body: CHAT_BODY,
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`a live request was answered ${statusCode}: ${text}`);
}
