// Slotkeeper's daemon as a process of its own, built as it ships, every option at its default, in
// front of the bench's upstream: ten accounts of 200 slots in one pool. Another pool whose upstream
// always fails may stand before it: then every request fails over once.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startChild } from '../harness/children.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Bench } from '../harness/scenario.ts';
import { CHAT_BODY, CHAT_PATH } from '../harness/wrk.ts';
import type { HttpServer } from './http.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const ACCOUNTS = 10;
const SLOTS = 200;
const READY_TIMEOUT_MS = 20_000;

export async function startDaemon(
  bench: Bench,
  redis: RedisServer,
  upstreamPort: number,
  failingPort?: number,
): Promise<HttpServer> {
  if (!existsSync(MAIN)) throw new Error('the daemon is not built: npm run build');
  const port = await freePort();
  const file = join(bench.directory, `slotkeeper-${port}.config.yaml`);
  writeFileSync(file, JSON.stringify(configuration(upstreamPort, failingPort), null, 2));
  const child = await startChild(bench, {
    command: process.execPath,
    args: [MAIN],
    cwd: bench.directory,
    env: {
      PATH: process.env['PATH'],
      SLOTKEEPER_CONFIG: file,
      SLOTKEEPER_PORT: String(port),
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    },
    port,
  });
  const origin = `http://127.0.0.1:${port}`;
  await untilServing(origin);
  return { child, origin, headers: {} };
}

/** YAML reads JSON. */
function configuration(upstreamPort: number, failingPort: number | undefined): unknown {
  const openai = poolAt(upstreamPort, 'openai', ACCOUNTS);
  const target = { pool: 'openai', model: 'gpt-4' };
  if (failingPort === undefined) {
    return { pools: { openai }, routes: { 'gpt-4': { targets: [target] } } };
  }
  return {
    scheduler: { cell: 'failing' },
    // A single account: the next attempt is the other pool's.
    pools: { failing: poolAt(failingPort, 'failing', 1), openai },
    routes: { 'gpt-4': { targets: [{ ...target, pool: 'failing' }, target] } },
  };
}

function poolAt(port: number, name: string, count: number): unknown {
  const accounts = Array.from({ length: count }, (_, index) => ({
    name: `${name}-${index + 1}`,
    maxConcurrency: SLOTS,
  }));
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  return { provider: 'openai', baseUrl, credential: 'sk-bench', models: ['gpt-4'], accounts };
}

/** Ready is not enough: a new cell grants nothing until an older one would have reported. */
async function untilServing(origin: string): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(origin + CHAT_PATH, { method: 'POST', headers, body: CHAT_BODY });
    // The upstream's answer may be a stream without an end.
    await answer.body?.cancel();
    if (answer.ok) return;
    if (performance.now() > deadlineMs) throw new Error(`the daemon answers ${answer.status}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
