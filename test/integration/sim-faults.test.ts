// What the simulated upstream does when it is told to misbehave.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Simulator } from '../../src/sim/options.ts';
import { SimClient } from './sim-client.ts';

let client: SimClient;
let sim: Simulator;

beforeEach(async () => {
  client = await SimClient.start({ limits: { key: 2, other: 1 }, seed: 1 });
  sim = client.sim;
});

afterEach(() => client[Symbol.asyncDispose]());

test('a reset reaches the client before any byte', async () => {
  const answer = client.ask({ directive: '[sim fault=reset]' });

  await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a cut sends half of the body and closes', async () => {
  const whole = await client.ask({ directive: '[sim fault=cut]' });
  const stream = await client.ask({ directive: '[sim fault=cut]', stream: true });

  expect([whole.statusCode, stream.statusCode]).toEqual([200, 200]);
  await expect(whole.body.text()).rejects.toThrow();
  await expect(stream.body.text()).rejects.toThrow();
  expect(sim.snapshot()).toMatchObject({ aborted: 0, inFlight: 0 });
});

test.each([401, 429, 500, 503, 529])('a request may ask for the error %d', async (status) => {
  const answer = await client.askAndRead({ directive: `[sim status=${status} retry-after=2500]` });

  const waits = [429, 503, 529].includes(status) ? '3' : undefined;
  expect(answer.status).toBe(status);
  expect(answer.headers['retry-after']).toBe(waits);
  expect(JSON.parse(answer.text)).toHaveProperty('error.message');
});

test('latency and pauses between chunks take the time that was asked for', async () => {
  const startedAt = performance.now();
  await client.askAndRead({ directive: '[sim latency=60 chunk=20 tokens=5]', stream: true });
  const elapsedMs = performance.now() - startedAt;

  expect(elapsedMs).toBeGreaterThanOrEqual(60 + 4 * 20);
});

test('one credential can be sick while the others are well, until its knobs are turned off', async () => {
  sim.configure({ credentials: { key: { status: 500 } } });

  const sick = await client.askAndRead({ key: 'key' });
  const well = await client.askAndRead({ key: 'other' });
  sim.configure({ credentials: { key: { status: null } } });
  const healed = await client.askAndRead({ key: 'key' });

  expect([sick.status, well.status, healed.status]).toEqual([500, 200, 200]);
});

test('behaviour can be set for all, for one model, and reported names can differ', async () => {
  sim.configure({
    behaviour: { tokens: 1 },
    models: { m: { tokens: 2, reportedModel: 'm-2025-01-01' } },
  });

  const forModel = await client.askAndRead();
  const forRequest = await client.askAndRead({ directive: '[sim model=another tokens=3]' });

  expect(JSON.parse(forModel.text)).toMatchObject({
    model: 'm-2025-01-01',
    usage: { completion_tokens: 2 },
  });
  expect(JSON.parse(forRequest.text)).toMatchObject({
    model: 'another',
    usage: { completion_tokens: 3 },
  });
});

test('the same seed gives the same fates', async () => {
  const shares = { errorRate: 0.5, errorStatuses: [500, 503] };
  const run = async () => {
    const statuses: number[] = [];
    for (let turn = 0; turn < 20; turn += 1) statuses.push((await client.askAndRead()).status);
    return statuses;
  };
  sim.configure({ behaviour: shares, seed: 5 });

  const first = await run();
  sim.reset();
  const second = await run();

  expect(second).toEqual(first);
  expect(new Set(first).size).toBe(3);
});
