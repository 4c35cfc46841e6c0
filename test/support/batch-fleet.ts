// Built daemons that run batches over one cell, before one simulated upstream; any of them may be killed
// and started anew. And a batch of so many lines, by OpenAI's own client.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { onTestFinished } from 'vitest';
import { startSimulator } from '../../src/sim/server.ts';
import { startDaemonProcess, type RunningDaemon } from './process.ts';
import { temporaryDirectory } from './temporary.ts';

export interface BatchFleet {
  /** A client of the daemon in that place. */
  client(place: number): OpenAI;
  /** kill -9, and another one in its place, which serves when this resolves. */
  replace(place: number): Promise<void>;
}

const SLOTS = 64;

/** All of it ends with the test. */
export async function aBatchFleet(
  redisUrl: string,
  cell: string,
  count: number,
): Promise<BatchFleet> {
  const sim = await startSimulator({
    limits: { 'key-1': SLOTS },
    behaviour: { tokens: 2, chunkDelayMs: 0 },
  });
  onTestFinished(() => sim.stop());
  const cwd = await temporaryDirectory();
  const file = join(cwd, 'config.yaml');
  const account = { name: 'a1', maxConcurrency: SLOTS, credential: 'key-1' };
  const config = {
    redis: { url: redisUrl },
    // A dead daemon's jobs are lent again after the life of a lease.
    scheduler: { cell, leaseMs: 2000, recoveryMs: 100 },
    log: { level: 'error' },
    pools: { openai: { baseUrl: `${sim.url}/v1`, models: ['gpt-4'], accounts: [account] } },
    deferral: { enabled: true, retryAfterMs: 100, maxRetryAfterMs: 1000, maxFailures: 1000 },
    batches: { lookMs: 200, ahead: 500 },
  };
  await writeFile(file, JSON.stringify(config));
  const start = () => startDaemonProcess({ cwd, args: ['--config', file] });
  const daemons: RunningDaemon[] = await Promise.all(Array.from({ length: count }, start));
  return {
    client: (place) =>
      new OpenAI({ baseURL: `${daemons[place]?.url ?? ''}/v1`, apiKey: 'unused', maxRetries: 0 }),
    replace: async (place) => {
      daemons[place]?.kill('SIGKILL');
      await daemons[place]?.ended;
      daemons[place] = await start();
    },
  };
}

/** Lines `line-0` and so on, uploaded and begun. */
export async function begunBatch(client: OpenAI, lines: number) {
  const text = Array.from({ length: lines }, (_, i) => {
    const body = { model: 'gpt-4', messages: [{ role: 'user', content: `Say ${i}` }] };
    const line = { custom_id: `line-${i}`, method: 'POST', url: '/v1/chat/completions', body };
    return `${JSON.stringify(line)}\n`;
  }).join('');
  const file = await toFile(Buffer.from(text), 'requests.jsonl');
  const { id } = await client.files.create({ file, purpose: 'batch' });
  return await client.batches.create({
    input_file_id: id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
}

/** The lines of a result; none where there is no such file. */
export async function downloaded(client: OpenAI, id: string | null | undefined) {
  if (id === null || id === undefined || id === '') return [];
  const text = await (await client.files.content(id)).text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { custom_id: string; error: unknown; response: unknown });
}
