// Two built daemons that see everything an operator may have to look at: a full pool with a queue, a
// sick account, one that is refused, one that rests, a pool that is gone, work that waits for it until it
// expires, budgets, both estimators.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startSimulator } from '../../src/sim/server.ts';
import { startDaemonProcess, type RunningDaemon } from './process.ts';
import type { TestRedis } from './redis.ts';
import { temporaryDirectory } from './temporary.ts';

const KEYS = { team: 'sk-team-for-this-test', poor: 'sk-poor-for-this-test' } as const;
const SLOTS = 2;
const CLIENTS = 12;
const PAUSE_MS = 50;

export interface TroubledFleet {
  readonly daemons: readonly RunningDaemon[];
  /** Requests that were answered, by status. */
  readonly statuses: ReadonlyMap<number, number>;
}

/** Under load until the test ends; `nowhere` is an address at which nobody listens. */
export async function startTroubledFleet(
  store: TestRedis,
  { nowhere }: { readonly nowhere: string },
): Promise<TroubledFleet> {
  const sim = await startSimulator({
    limits: { 'key-well': SLOTS, 'key-sick': SLOTS, 'key-tired': SLOTS },
    behaviour: { tokens: 20, chunkDelayMs: 2 },
    credentials: { 'key-sick': { status: 500 }, 'key-tired': { status: 429 } },
  });
  onTestFinished(() => sim.stop());
  const cwd = await temporaryDirectory();
  const file = join(cwd, 'config.yaml');
  await writeFile(file, JSON.stringify(configuration(store, { upstream: sim.url, nowhere })));
  const args = ['--config', file];
  const daemons = await Promise.all([0, 1].map(() => startDaemonProcess({ cwd, args })));
  const statuses = new Map<number, number>();
  const urls = daemons.map(({ url }) => url);
  loadUntilTheEnd(urls, (status) => statuses.set(status, (statuses.get(status) ?? 0) + 1));
  return { daemons, statuses };
}

interface Addresses {
  readonly upstream: string;
  readonly nowhere: string;
}

function configuration(store: TestRedis, { upstream, nowhere }: Addresses): object {
  const account = (name: string) => {
    return { name, maxConcurrency: SLOTS, credential: `key-${name}` };
  };
  return {
    redis: { url: store.url },
    scheduler: { cell: store.cell(), recoveryMs: 0 },
    log: { level: 'error' },
    estimates: { trial: true },
    deferral: { enabled: true, retryAfterMs: 200, maxRetryAfterMs: 500, maxAgeMs: 2000 },
    journal: { enabled: true },
    alerts: { alertmanager: { urls: [nowhere] }, retryMinMs: 200, retryMaxMs: 500 },
    budget: { currency: 'USD', global: { warn: 1, stop: 1000 } },
    prices: { 'gpt-4': { input: 10, output: 1000 }, nobody: { input: 1, output: 1 } },
    tenants: {
      team: { keys: [KEYS.team], budget: { stop: 500, warn: 1 } },
      poor: { keys: [KEYS.poor], budget: { stop: 0.000001 } },
    },
    pools: {
      openai: {
        baseUrl: `${upstream}/v1`,
        models: ['gpt-4'],
        accounts: ['well', 'sick', 'tired', 'refused'].map(account),
      },
      gone: { baseUrl: `${nowhere}/v1`, models: ['nobody'], accounts: [account('gone')] },
    },
  };
}

function loadUntilTheEnd(urls: readonly string[], onStatus: (status: number) => void): void {
  const over = new AbortController();
  const ask = async (client: number): Promise<void> => {
    const isPoor = client === 0;
    const isDeferred = client === 3;
    const model = client === 1 || isDeferred ? 'nobody' : 'gpt-4';
    const answer = await fetch(`${urls[client % urls.length]}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${isPoor ? KEYS.poor : KEYS.team}`,
        ...(isDeferred && { 'x-slotkeeper-defer': 'summarize' }),
        ...(client > 3 && { 'x-slotkeeper-session': `session-${client}` }),
      },
      body: JSON.stringify({
        model,
        stream: client % 2 === 0,
        messages: [{ role: 'user', content: `Hello from ${client}` }],
      }),
      signal: over.signal,
    });
    await answer.text();
    onStatus(answer.status);
    // Refusals and parking come at once: they must not be all that the daemons do.
    if (answer.status !== 200) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  };
  const work = async (client: number): Promise<void> => {
    while (!over.signal.aborted) await ask(client).catch(() => undefined);
  };
  const all = Promise.all(Array.from({ length: CLIENTS }, (_, client) => work(client)));
  onTestFinished(async () => {
    over.abort();
    await all;
  });
}
