// Two built daemons that run batches over one cell, before the simulated upstream in the bench's own
// process; each may be killed and started anew. OpenAI's client, unchanged, asks them.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI, { toFile } from 'openai';
import { startSimulator } from '../../src/sim/server.ts';
import { freePort, startChild, type Child } from '../harness/children.ts';
import { startRedis } from '../harness/redis.ts';
import type { Bench } from '../harness/scenario.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const SLOTS = 64;
const DAEMONS = 2;

export interface BatchFleet {
  readonly clients: readonly OpenAI[];
  /** kill -9, and another one at the same address, which listens when this resolves. */
  replace(place: number): Promise<void>;
}

export async function startBatchFleet(bench: Bench): Promise<BatchFleet> {
  if (!existsSync(MAIN)) throw new Error('the daemon is not built: npm run build');
  const redis = await startRedis(bench);
  const behaviour = { tokens: 2, chunkDelayMs: 0 };
  const simulator = await startSimulator({ limits: { 'sk-bench': SLOTS }, behaviour });
  bench.defer(() => simulator.stop());
  const file = join(bench.directory, 'batches.config.yaml');
  const account = { name: 'a1', maxConcurrency: SLOTS, credential: 'sk-bench' };
  const config = {
    redis: { url: `redis://127.0.0.1:${redis.port}` },
    // A dead daemon's jobs are lent again after the life of a lease.
    scheduler: { leaseMs: 2000, recoveryMs: 100 },
    log: { level: 'error' },
    pools: { openai: { baseUrl: `${simulator.url}/v1`, models: ['gpt-4'], accounts: [account] } },
    deferral: { enabled: true, retryAfterMs: 100, maxRetryAfterMs: 1000, maxFailures: 1000 },
    batches: { lookMs: 200 },
  };
  writeFileSync(file, JSON.stringify(config));
  const ports = [await freePort(), await freePort()].slice(0, DAEMONS);
  const start = (port: number): Promise<Child> =>
    startChild(bench, {
      command: process.execPath,
      args: [MAIN, '--config', file],
      cwd: bench.directory,
      env: { PATH: process.env['PATH'], SLOTKEEPER_PORT: String(port) },
      port,
    });
  const children = await Promise.all(ports.map(start));
  const at = (port: number): string => `http://127.0.0.1:${port}/v1`;
  return {
    // Whoever asks a daemon that was just killed asks again.
    clients: ports.map(
      (port) => new OpenAI({ baseURL: at(port), apiKey: 'unused', maxRetries: 5 }),
    ),
    replace: async (place) => {
      const [child, port] = [children[place], ports[place]];
      if (child === undefined || port === undefined) throw new Error(`no daemon ${place}`);
      process.kill(child.pid, 'SIGKILL');
      await child.stop();
      children[place] = await start(port);
    },
  };
}

/** Lines `line-0` and so on, uploaded and begun; the batch's id. */
export async function beginBatch(client: OpenAI, lines: number): Promise<string> {
  const endpoint = '/v1/chat/completions';
  const text = Array.from({ length: lines }, (_, i) => {
    const body = { model: 'gpt-4', messages: [{ role: 'user', content: `Say ${i}` }] };
    return `${JSON.stringify({ custom_id: `line-${i}`, method: 'POST', url: endpoint, body })}\n`;
  }).join('');
  const file = await toFile(Buffer.from(text), 'requests.jsonl');
  const { id } = await client.files.create({ file, purpose: 'batch' });
  const ask = { input_file_id: id, endpoint, completion_window: '24h' } as const;
  return (await client.batches.create(ask)).id;
}

/** How often each line stands in the files of a batch, by its custom_id. */
export async function outcomesOf(client: OpenAI, id: string): Promise<ReadonlyMap<string, number>> {
  const batch = await client.batches.retrieve(id);
  const counts = new Map<string, number>();
  for (const file of [batch.output_file_id, batch.error_file_id]) {
    if (!file) continue;
    const text = await (await client.files.content(file)).text();
    for (const line of text.trimEnd().split('\n')) {
      const { custom_id: name } = JSON.parse(line) as { readonly custom_id: string };
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}
