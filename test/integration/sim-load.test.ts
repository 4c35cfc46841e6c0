// The load script's engine against real servers: what it counts for every ending, and what it sees
// of the upstream and of the daemon afterwards.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { onTestFinished, expect, test } from 'vitest';
import { prepareUpstream, viewCounters, viewUpstream } from '../../src/sim/load/observe.ts';
import type { LoadPlan } from '../../src/sim/load/plan.ts';
import { runLoad } from '../../src/sim/load/run.ts';
import { Tally } from '../../src/sim/load/tally.ts';
import { findTarget } from '../../src/sim/load/target.ts';
import { runTenants } from '../../src/sim/load/tenant-run.ts';
import type { Simulator, SimulatorOptions } from '../../src/sim/options.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { until } from './sim-client.ts';

async function aSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const sim = await startSimulator({ limits: { key: 10 }, seed: 1, ...options });
  onTestFinished(() => sim.stop());
  return sim;
}

async function aServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface LoadOptions extends Partial<LoadPlan> {
  readonly signal?: AbortSignal;
}

function aRun(changes: Partial<LoadPlan>) {
  const plan: LoadPlan = {
    requests: 100,
    concurrency: 10,
    model: 'gpt-4',
    streamShare: 0.5,
    abortShare: 0,
    abortAfterMs: { min: 0, max: 20 },
    retries: 5,
    timeoutMs: 5000,
    expected: [200],
    seed: 1,
    ...changes,
  };
  const agent = new Agent({ connections: plan.concurrency });
  onTestFinished(() => agent.destroy());
  return { plan, tally: new Tally(), agent };
}

async function load(url: string, { signal, ...changes }: LoadOptions = {}): Promise<Tally> {
  const { plan, tally, agent } = aRun(changes);
  const caller = { url, apiKey: 'key', model: plan.model, agent, timeoutMs: plan.timeoutMs };
  await runLoad({ plan, caller, tally, signal: signal ?? new AbortController().signal });
  return tally;
}

test('every request is answered once, and the upstream saw no more than the callers', async () => {
  const sim = await aSimulator({ behaviour: { latencyMs: '1..5', chunkDelayMs: '0..1' } });

  const tally = await load(sim.url);

  expect(tally.statuses).toEqual(new Map([[200, 100]]));
  expect(tally).toMatchObject({ finished: 100, running: 0, left: 0, incomplete: 0, retried: 0 });
  expect(tally.latenciesMs).toHaveLength(100);
  expect(Math.min(...tally.latenciesMs)).toBeGreaterThanOrEqual(1);
  expect(await viewUpstream(sim.url)).toMatchObject({ oversold: 0, rejected: 0 });
  expect(sim.highWater('key')).toBe(10);
});

test('callers beyond the limit are seen as oversold and rejected', async () => {
  const sim = await aSimulator({ limits: { key: 4 }, behaviour: { latencyMs: 20 } });

  const tally = await load(sim.url, { concurrency: 5 });

  expect(await viewUpstream(sim.url)).toMatchObject({ kind: 'seen', oversold: 1 });
  expect(tally.statuses.get(429)).toBeGreaterThan(0);
});

test('clients that leave are counted as such, and the upstream sees them go', async () => {
  const sim = await aSimulator({ behaviour: { latencyMs: 60_000 } });

  const tally = await load(sim.url, { abortShare: 1 });

  expect(tally.left).toBe(100);
  expect(tally.statuses.size).toBe(0);
  await until(() => sim.inFlight('key') === 0);
  expect(sim.snapshot().aborted).toBeGreaterThan(50);
});

test('errors, resets and streams without an end are told apart', async () => {
  const errors = await aSimulator({ behaviour: { status: 503 } });
  const resets = await aSimulator({ behaviour: { fault: 'reset' } });
  const cutShort = await aServer((req, res) => {
    req.resume();
    res.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {}\n\n');
  });

  const [error, reset, cut] = await Promise.all([
    load(errors.url, { requests: 10 }),
    load(resets.url, { requests: 10 }),
    load(cutShort, { requests: 10, streamShare: 1 }),
  ]);

  expect(error.statuses).toEqual(new Map([[503, 10]]));
  expect(error.codes.get(503)).toEqual(new Map([['overloaded', 10]]));
  expect([...reset.failures.values()].reduce((sum, times) => sum + times)).toBe(10);
  expect(cut.incomplete).toBe(10);
});

/** Turns every request away `times` times before it answers. */
function aFullGateway(times: number): Promise<string> {
  const seen = new Map<string, number>();
  return aServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      const turns = (seen.get(body) ?? 0) + 1;
      seen.set(body, turns);
      const full = turns <= times;
      res.writeHead(full ? 429 : 200, { 'retry-after': '60', 'retry-after-ms': '5' });
      res.end(full ? '{"error": {"code": "pool_full"}}' : '{}');
    });
  });
}

test('a request that finds no free slot is sent again after its retry-after', async () => {
  const url = await aFullGateway(2);

  const tally = await load(url, { requests: 20, streamShare: 0, retries: 2 });

  expect(tally.statuses).toEqual(new Map([[200, 20]]));
  expect(tally.retried).toBe(40);
});

test('a request that never finds a free slot ends as 429 after its last retry', async () => {
  const url = await aFullGateway(3);

  const tally = await load(url, { requests: 20, streamShare: 0, retries: 2 });
  const impatient = await load(await aFullGateway(1), { requests: 20, retries: 0 });

  expect(tally.statuses).toEqual(new Map([[429, 20]]));
  expect(impatient.statuses).toEqual(new Map([[429, 20]]));
  expect(impatient.retried).toBe(0);
});

test('a run that is ended early leaves its requests and starts no more', async () => {
  const sim = await aSimulator({ behaviour: { latencyMs: 60_000 } });
  const controller = new AbortController();
  const running = load(sim.url, { signal: controller.signal });
  await until(() => sim.inFlight('key') === 10);

  controller.abort();
  const tally = await running;

  expect(tally).toMatchObject({ left: 10, finished: 10, running: 0 });
});

test('the simulator’s pace is set and its counts begin again with a run', async () => {
  const sim = await aSimulator();
  await load(sim.url, { requests: 10 });

  await prepareUpstream(sim.url, { latencyMs: { min: 30, max: 30 }, chunkDelayMs: undefined });
  const tally = await load(sim.url, { requests: 5 });

  expect(sim.snapshot().total).toBe(5);
  expect(Math.min(...tally.latenciesMs)).toBeGreaterThanOrEqual(29);
});

test('an upstream that is no simulator is not observable', async () => {
  const other = await aServer((_req, res) => res.writeHead(404).end());

  expect(await viewUpstream(other)).toMatchObject({ kind: 'not_observable' });
  expect(await viewUpstream(undefined)).toMatchObject({ kind: 'not_observable' });
});

function aDaemonWith(counts: readonly number[]): Promise<string> {
  let scrape = 0;
  return aServer((_req, res) => {
    const count = counts[Math.min(scrape, counts.length - 1)] ?? 0;
    scrape += 1;
    const names = ['account_in_flight', 'model_in_flight', 'cell_leases'];
    res.end(names.map((name) => `slotkeeper_${name} ${count}\n`).join(''));
  });
}

test('counters are given time to reach 0, and what stays is told', async () => {
  const slow = await viewCounters(await aDaemonWith([3, 1, 0]), undefined);
  const stuck = await viewCounters(await aDaemonWith([1]), undefined);
  const none = await viewCounters(await aServer((_req, res) => res.end('up 1\n')), undefined);

  expect(slow).toMatchObject({ kind: 'seen', left: 0 });
  expect(stuck).toMatchObject({ kind: 'seen', left: 1 });
  expect(none).toMatchObject({ kind: 'not_observable' });
});

test('a daemon that was named must answer, and may say where its simulator is', async () => {
  const demo = await aServer((_req, res) => res.end('{"sim":"http://127.0.0.1:5"}'));

  const found = await findTarget({
    model: 'gpt-4',
    url: `${demo}/`,
    simUrl: undefined,
    own: false,
  });
  const told = await findTarget({
    model: 'gpt-4',
    url: demo,
    simUrl: 'http://127.0.0.1:6',
    own: false,
  });
  const silent = findTarget({
    model: 'gpt-4',
    url: 'http://127.0.0.1:9',
    simUrl: undefined,
    own: false,
  });

  expect(found).toMatchObject({ url: demo, simUrl: 'http://127.0.0.1:5', own: false });
  expect(told.simUrl).toBe('http://127.0.0.1:6');
  await expect(silent).rejects.toMatchObject({ code: 'upstream_unreachable' });
});

test('a daemon that runs already is called with keys that were given, never with made up ones', async () => {
  const url = await aServer((_req, res) => res.end('{}'));
  const options = { model: 'gpt-4', url, simUrl: undefined, own: false };
  const tenant = { name: 'a', weight: 1 };

  const keyed = await findTarget({ ...options, tenants: [{ ...tenant, apiKey: 'key' }] });
  const keyless = findTarget({ ...options, tenants: [{ ...tenant, apiKey: undefined }] });

  await expect(keyless).rejects.toMatchObject({ code: 'invalid_params' });
  expect(keyed.tenants).toEqual([{ ...tenant, apiKey: 'key' }]);
});

test('each tenant’s requests carry its key, and its time in the queue is told apart', async () => {
  const seen = new Map<string, number>();
  const url = await aServer((req, res) => {
    const key = req.headers.authorization ?? '';
    seen.set(key, (seen.get(key) ?? 0) + 1);
    req.resume();
    // Slot time of 1:3, and the rest of the 40 ms waited for.
    const queueMs = key.endsWith('key-a') ? 30 : 10;
    setTimeout(() => {
      res.writeHead(200, { 'x-slotkeeper-queue-ms': String(queueMs) }).end('{}');
    }, 40);
  });
  const tenants = [
    { name: 'a', weight: 1, apiKey: 'key-a' },
    { name: 'b', weight: 3, apiKey: 'key-b' },
  ];
  const { plan, tally, agent } = aRun({ streamShare: 0, concurrency: 8 });
  const caller = { url, apiKey: undefined, model: plan.model, agent, timeoutMs: 5000 };
  const signal = new AbortController().signal;

  const shares = await runTenants({ plan, caller, tally, signal, tenants, durationMs: 1000 });

  expect([...seen.keys()].sort()).toEqual(['Bearer key-a', 'Bearer key-b']);
  expect(shares.reduce((sum, { served }) => sum + served, 0)).toBe(tally.finished);
  expect(shares.map(({ queueP50Ms }) => queueP50Ms)).toEqual([30, 10]);
  expect(shares[0]?.share).toBeLessThan(0.4);
  expect(shares[1]?.share).toBeGreaterThan(0.6);
});

test('a run for shares that is stopped early counts what was until then', async () => {
  const sim = await aSimulator({ behaviour: { latencyMs: 5 } });
  const { plan, tally, agent } = aRun({ streamShare: 0, concurrency: 4 });
  const caller = { url: sim.url, apiKey: undefined, model: plan.model, agent, timeoutMs: 5000 };
  const controller = new AbortController();
  const tenants = ['a', 'b'].map((name) => ({ name, weight: 1, apiKey: 'key' }));
  const { signal } = controller;
  const running = runTenants({ plan, caller, tally, signal, tenants, durationMs: 60_000 });
  await until(() => tally.finished > 50);

  controller.abort();
  const shares = await running;

  expect(shares.every(({ slotSeconds }) => slotSeconds > 0)).toBe(true);
  expect(tally.running).toBe(0);
});
