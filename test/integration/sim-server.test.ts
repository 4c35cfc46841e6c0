// The simulated upstream over real sockets: its limit, its high-water mark, when a request counts
// as ended, and its own endpoints.
import { once } from 'node:events';
import { connect } from 'node:net';
import { request } from 'undici';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Simulator, SimulatorStats } from '../../src/sim/options.ts';
import { integerBetween, seededRandom } from '../../src/sim/random.ts';
import { SimClient, until } from './sim-client.ts';

let client: SimClient;
let sim: Simulator;

beforeEach(async () => {
  client = await SimClient.start({ limits: { key: 2, other: 1 }, seed: 1 });
  sim = client.sim;
});

afterEach(() => client[Symbol.asyncDispose]());

test('requests beyond the limit get 429 with retry-after, the others their answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => client.askAndRead({ directive: '[sim latency=100]' })),
  );

  const statuses = answers.map(({ status }) => status).sort();
  const refused = answers.find(({ status }) => status === 429);
  expect(statuses).toEqual([200, 200, 429, 429, 429]);
  expect(refused?.headers).toMatchObject({ 'retry-after': '1', 'retry-after-ms': '1000' });
  expect(JSON.parse(refused?.text ?? '')).toMatchObject({
    error: { type: 'requests', code: 'rate_limit_exceeded' },
  });
  expect(client.statsOf('key')).toMatchObject({ highWater: 3, total: 5, rejected: 3, inFlight: 0 });
  expect(sim.snapshot().oversold).toBe(1);
});

test('credentials are counted apart, and Anthropic’s header names them too', async () => {
  const viaBearer = client.ask({ key: 'other', directive: '[sim latency=100]' });
  await until(() => sim.inFlight('other') === 1);
  const viaHeader = await request(`${sim.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': 'other' },
    body: '{"messages":[]}',
    dispatcher: client.agent,
  });

  expect(viaHeader.statusCode).toBe(429);
  expect(await viaHeader.body.json()).toMatchObject({
    type: 'error',
    error: { type: 'rate_limit_error' },
  });
  expect(sim.highWater('other')).toBe(2);
  expect(sim.highWater('key')).toBe(0);
  await (await viaBearer).body.dump();
});

test('an unknown credential gets 401 and counts nowhere', async () => {
  const stranger = await client.askAndRead({ key: 'stranger' });

  expect(stranger.status).toBe(401);
  expect(JSON.parse(stranger.text)).toMatchObject({ error: { code: 'invalid_api_key' } });
  expect(sim.snapshot()).toMatchObject({ unknown: 1, total: 0 });
});

test('unknown paths, other methods and unreadable bodies are refused', async () => {
  const path = await client.askAndRead({ path: '/v1/chat/completions/more' });
  const method = await request(`${sim.url}/v1/chat/completions`, { dispatcher: client.agent });
  const body = await request(`${sim.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer key' },
    body: '[',
    dispatcher: client.agent,
  });

  expect([path.status, method.statusCode, body.statusCode]).toEqual([404, 404, 400]);
  expect(sim.inFlight('key')).toBe(0);
});

test('a request counts from its headers, before its body has come', async () => {
  const socket = connect(sim.port, '127.0.0.1');
  socket.write(
    'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n' +
      'Content-Length: 100\r\n\r\n{"messages"',
  );

  await until(() => sim.inFlight('key') === 1);
  socket.destroy();

  await until(() => sim.inFlight('key') === 0);
  expect(client.statsOf('key')).toMatchObject({ highWater: 1, total: 1, aborted: 1 });
});

test.each([
  ['while it waits for its first byte', '[sim latency=60000]', false],
  ['while it hangs', '[sim fault=hang]', false],
  ['in mid-stream', '[sim chunk=50 tokens=1000]', true],
  ['in an endless stream', '[sim fault=endless]', true],
  ['in an endless body', '[sim fault=endless]', false],
  ['in a stalled stream', '[sim fault=stall]', true],
])('a client that leaves %s ends its request and is counted', async (_, directive, stream) => {
  const controller = new AbortController();
  const answer = client.ask({ directive, stream, signal: controller.signal });
  if (/chunk|endless|stall/.test(directive)) {
    const { body } = await answer;
    body.on('error', () => undefined);
    await once(body, 'readable');
  } else {
    answer.catch(() => undefined);
    await until(() => sim.inFlight('key') === 1);
  }

  controller.abort();

  await until(() => sim.inFlight('key') === 0);
  expect(client.statsOf('key')).toMatchObject({ total: 1, aborted: 1, rejected: 0 });
});

test.each([
  ['whole answers', false, ''],
  ['streams in one write', true, ''],
  ['streams in chunks', true, '[sim chunk=1 tokens=3]'],
  ['errors', false, '[sim status=500]'],
  ['cuts', false, '[sim fault=cut]'],
  ['resets', false, '[sim fault=reset]'],
])('%s never overlap with the request that follows their end', async (_, stream, directive) => {
  for (let turn = 0; turn < 100; turn += 1) {
    await client.askAndRead({ stream, directive, key: 'other' }).catch(() => undefined);
  }

  expect(client.statsOf('other')).toMatchObject({
    highWater: 1,
    total: 100,
    aborted: 0,
    rejected: 0,
  });
});

/** One after the other, on sockets of their own, aborting `abortShare` of them at any moment. */
async function disciplinedWorker(turns: number, abortShare: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  for (let turn = 0; turn < turns; turn += 1) {
    const controller = new AbortController();
    const stream = random() < 0.5;
    const directive = `[sim latency=${integerBetween(random, 0, 2)} chunk=0..1 tokens=5]`;
    const leavesAfterMs = integerBetween(random, 0, 6);
    const timer =
      random() < abortShare ? setTimeout(() => controller.abort(), leavesAfterMs) : undefined;
    await client
      .askAndRead({ directive, stream, signal: controller.signal })
      .catch(() => undefined);
    clearTimeout(timer);
  }
}

test('clients that keep to the limit never look oversold, however often they abort', async () => {
  sim.configure({ limits: { key: 8 } });

  await Promise.all(Array.from({ length: 8 }, (_, seed) => disciplinedWorker(150, 0.5, seed)));

  await until(() => sim.inFlight('key') === 0);
  expect(client.statsOf('key')).toMatchObject({ highWater: 8, rejected: 0 });
  expect(client.statsOf('key')?.aborted).toBeGreaterThan(100);
});

test('a single client too many is always found out', async () => {
  sim.configure({ limits: { key: 8 } });

  await Promise.all(Array.from({ length: 9 }, (_, seed) => disciplinedWorker(50, 0.1, seed)));

  expect(sim.highWater('key')).toBe(9);
  expect(client.statsOf('key')?.rejected).toBeGreaterThan(0);
  expect(sim.snapshot().oversold).toBe(1);
});

test('a lowered limit refuses new requests and keeps the running ones', async () => {
  const running = client.ask({ directive: '[sim latency=80]' });
  await until(() => sim.inFlight('key') === 1);

  sim.configure({ limits: { key: 1 } });
  const refused = await client.askAndRead();

  expect(refused.status).toBe(429);
  expect((await running).statusCode).toBe(200);
});

test('the control endpoints tell, reset and configure', async () => {
  const control = async (method: 'GET' | 'POST', path: string, body?: string) => {
    const answer = await request(`${sim.url}${path}`, {
      method,
      body: body ?? null,
      dispatcher: client.agent,
    });
    return { status: answer.statusCode, value: (await answer.body.json()) as SimulatorStats };
  };
  await client.askAndRead();

  const stats = await control('GET', '/_sim/stats');
  const configured = await control('POST', '/_sim/configure', '{"limits":{"new":7}}');
  const wrong = await control('POST', '/_sim/configure', '{"behaviour":{"status":200}}');
  const notJson = await control('POST', '/_sim/configure', 'limits');
  const reset = await control('POST', '/_sim/reset');
  const unknown = await control('GET', '/_sim/reset');

  expect(stats.value).toMatchObject({ total: 1, oversold: 0, seed: 1 });
  expect(configured.value.credentials).toContainEqual(
    expect.objectContaining({ credential: 'new', limit: 7 }),
  );
  expect([wrong.status, notJson.status, unknown.status]).toEqual([400, 400, 404]);
  expect(reset.value.total).toBe(0);
  expect(wrong.value).toHaveProperty('error.message', expect.stringContaining('status'));
});

test('stopping cuts running requests and may be repeated', async () => {
  const running = client.ask({ directive: '[sim fault=hang]' });
  running.catch(() => undefined);
  await until(() => sim.inFlight('key') === 1);

  await Promise.all([sim.stop(), sim.stop()]);

  await expect(running).rejects.toThrow();
  expect(sim.inFlight('key')).toBe(0);
});
