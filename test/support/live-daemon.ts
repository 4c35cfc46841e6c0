// A daemon in the test's own process whose configuration the test changes while it serves: two
// accounts `a1` and `a2` of pool `openai` at a simulated upstream. Stopped when its test ends.
import { PassThrough } from 'node:stream';
import { expect, onTestFinished } from 'vitest';
import { accountOf } from './account-labels.ts';
import { parseConfig } from '../../src/config/load.ts';
import { startDaemon } from '../../src/daemon.ts';
import { createLogger } from '../../src/log/logger.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { ADMIN_TOKEN } from './admin-api.ts';
import type { TestRedis } from './redis.ts';
import { caller } from './scheduler-api.ts';

export interface Tree {
  [name: string]: unknown;
}

export const SLOTS = 20;

/** What a file says about this pool and these accounts; more on top. */
export function aFile(simUrl: string, store: TestRedis, cell: string) {
  return {
    server: { port: 0 },
    redis: { url: store.url },
    scheduler: { cell, recoveryMs: 0 } as Tree,
    log: { level: 'info' },
    admin: { token: ADMIN_TOKEN },
    pools: {
      openai: {
        baseUrl: `${simUrl}/v1`,
        models: ['gpt-4'],
        accounts: [
          { name: 'a1', maxConcurrency: SLOTS, credential: 'key-1' },
          { name: 'a2', maxConcurrency: SLOTS, credential: 'key-2' },
        ] as Tree[],
      },
    } as Record<string, Tree & { accounts: Tree[] }>,
    routes: {} as Tree,
    tenants: {} as Tree,
  };
}

export type File = ReturnType<typeof aFile> & Tree;

export interface LiveOptions {
  /** Changes the first file before the daemon reads it. */
  readonly first?: (file: File) => void;
  readonly cell?: string;
}

export async function startLive(store: TestRedis, options: LiveOptions = {}) {
  const cell = options.cell ?? store.cell();
  const limits = { 'key-1': SLOTS, 'key-2': SLOTS, 'key-3': SLOTS };
  const sim = await startSimulator({ limits, behaviour: { tokens: 2, chunkDelayMs: 0 } });
  onTestFinished(() => sim.stop());
  const file: File = aFile(sim.url, store, cell);
  options.first?.(file);
  const env = {};
  const parse = (running?: Parameters<typeof parseConfig>[1]['running']) =>
    parseConfig(JSON.stringify(file), { source: 'test', env, running });
  const stream = new PassThrough();
  let log = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (log += chunk));
  const daemon = await startDaemon({
    config: parse(),
    env: process.env,
    logger: createLogger({ level: 'info', stream }),
    source: { file: undefined, load: async (running) => parse(running) },
  });
  onTestFinished(() => daemon.stop());
  const call = caller(daemon.url);
  const admin = (method: string, path: string, body?: unknown) =>
    call(method, `/admin${path}`, body, { authorization: `Bearer ${ADMIN_TOKEN}` });
  return {
    ...daemon,
    cell,
    sim,
    /** What the next reading finds: to be changed by the test. */
    file,
    call,
    admin,
    reloaded: async () => {
      const { status, body } = await admin('POST', '/reload');
      expect(status, JSON.stringify(body)).toBe(200);
      return body as unknown as { result: string; changes: string[] };
    },
    logged: () => log,
    metrics: async () => await (await fetch(`${daemon.url}/metrics`)).text(),
    inFlightOf: async (account: string) =>
      Number(await store.redis.hget(`slotkeeper:{${cell}}:inflight`, account)),
  };
}

export type LiveDaemon = Awaited<ReturnType<typeof startLive>>;

/** The names of the accounts that have served `count` requests, and their statuses. */
export async function served(url: string, ask: () => Promise<Response>, count: number) {
  const answers = await Promise.all(Array.from({ length: count }, ask));
  await Promise.all(answers.map((answer) => answer.text()));
  return {
    url,
    statuses: [...new Set(answers.map(({ status }) => status))],
    accounts: [...new Set(answers.map(accountOf))],
  };
}
