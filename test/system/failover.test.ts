// @module-tag redis_required
// One of four accounts fails while the built daemon is under load: no caller hears of it, whatever it
// fails with, nothing is oversold, and everything is back at the end.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listOptions } from '../../src/config/options.ts';
import { readCounters } from '../../src/scheduler/inspect.ts';
import type { SimulatorPatch } from '../../src/sim/options.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { eventually } from '../support/eventually.ts';
import { startDaemonProcess } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const store = useRedis();

const REQUESTS = 240;
const AT_ONCE = 12;
/** Three accounts have room for all that are under way. */
const SLOTS = 6;

/** Four accounts, each at an upstream of its own, which holds it to its slots and counts. */
async function startAccounts() {
  const simulators = await Promise.all(
    Array.from({ length: 4 }, (_, index) =>
      startSimulator({
        limits: { [`key-${index}`]: SLOTS },
        behaviour: { tokens: 4, latencyMs: '5..20', chunkDelayMs: 1 },
      }),
    ),
  );
  onTestFinished(async () => {
    await Promise.all(simulators.map((simulator) => simulator.stop()));
  });
  const accounts = simulators.map(({ url }, index) => ({
    name: `account-${index}`,
    maxConcurrency: SLOTS,
    credential: `key-${index}`,
    baseUrl: `${url}/v1`,
  }));
  return { simulators, accounts };
}

async function startProxy(accounts: readonly object[]) {
  const cell = store.cell();
  const cwd = await temporaryDirectory();
  const pool = { models: ['gpt-4'], timeouts: { headersTimeoutMs: 500 }, accounts };
  const file = { scheduler: { cell, recoveryMs: 0 }, pools: { openai: pool } };
  await writeFile(join(cwd, 'slotkeeper.config.yaml'), JSON.stringify(file));
  const env = { REDIS_URL: store.url, SLOTKEEPER_LOG_LEVEL: 'error' };
  const daemon = await startDaemonProcess({ cwd, env });
  return { daemon, cell };
}

interface Seen {
  readonly status: number;
  readonly attempts: number;
  readonly isWhole: boolean;
}

async function call(url: string, stream: boolean): Promise<Seen> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4', stream, messages: [] }),
  });
  const text = await response.text();
  const isWhole = stream ? text.endsWith('data: [DONE]\n\n') : text.endsWith('}');
  const attempts = Number(response.headers.get('x-slotkeeper-attempts'));
  return { status: response.status, attempts, isWhole };
}

/** So many callers ask one request after the other, half of them for streams. */
async function load(url: string, requests: number): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  let asked = 0;
  const callers = Array.from({ length: AT_ONCE }, async () => {
    while (asked < requests) {
      asked += 1;
      seen.push(await call(url, asked % 2 === 0));
    }
  });
  await Promise.all(callers);
  return seen;
}

async function expectNothingLeft(cell: string): Promise<void> {
  const source = { redis: store.redis, cell, keyStyle: 'plain' } as const;
  await eventually(async () => {
    const { accounts, leases } = await readCounters(source);
    expect(leases).toBe(0);
    expect(accounts.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0, 0]);
  });
}

type Simulators = Awaited<ReturnType<typeof startAccounts>>['simulators'];

const WAYS: Readonly<Record<string, SimulatorPatch | 'gone'>> = {
  'answers 500': { behaviour: { status: 500 } },
  refuses: 'gone',
  hangs: { behaviour: { fault: 'hang' } },
  'resets before its answer': { behaviour: { fault: 'reset' } },
};

async function sicken([sick]: Simulators, way: SimulatorPatch | 'gone'): Promise<void> {
  if (way === 'gone') await sick?.stop();
  else sick?.configure(way);
}

describe('while one of four accounts', () => {
  it.each(Object.entries(WAYS))('%s, no caller sees an error', async (_what, way) => {
    const { simulators, accounts } = await startAccounts();
    const { daemon, cell } = await startProxy(accounts);
    const healthy = await load(daemon.url, AT_ONCE);
    await sicken(simulators, way);

    const seen = await load(daemon.url, REQUESTS);

    expect(
      [...healthy, ...seen].filter(({ status, isWhole }) => status !== 200 || !isWhole),
    ).toEqual([]);
    expect(seen.some(({ attempts }) => attempts > 1)).toBe(true);
    expect(simulators.map((simulator) => simulator.snapshot().oversold)).toEqual([0, 0, 0, 0]);
    await expectNothingLeft(cell);
    await daemon[Symbol.asyncDispose]();
  });
});

const hasBreaker = listOptions().some(({ path }) => path.startsWith('pools.<name>.breaker'));

describe.skipIf(!hasBreaker)('an account that fails', () => {
  it('is left alone after its breaker has tripped, but for probes', async () => {
    const { simulators, accounts } = await startAccounts();
    const { daemon } = await startProxy(accounts);
    await sicken(simulators, { behaviour: { status: 500 } });
    await load(daemon.url, REQUESTS);
    const metBefore = simulators[0]!.snapshot().total;

    const seen = await load(daemon.url, REQUESTS);

    const met = simulators[0]!.snapshot().total - metBefore;
    expect(seen.every(({ status }) => status === 200)).toBe(true);
    expect(metBefore).toBeLessThanOrEqual(2 * SLOTS);
    expect(met).toBeLessThanOrEqual(2);
    await daemon[Symbol.asyncDispose]();
  });
});
