// Deferred jobs from end to end: parked by live requests, tried again at their time by the very gateway
// that parked them, with what their tenant may do now, and never by a lesser model.
// @module-tag redis_required
import OpenAI from 'openai';
import { onTestFinished, describe, expect, it } from 'vitest';
import { StageDeferred, stageDeferredIn } from '../../../src/client/index.ts';
import type { Deferral } from '../../../src/deferral/service.ts';
import { startSimulator } from '../../../src/sim/server.ts';
import { heardOf } from '../../support/deferrals.ts';
import { eventually } from '../../support/eventually.ts';
import { answering } from '../../support/failing-upstreams.ts';
import { UPSTREAM_KEY, type TestGateway } from '../../support/gateway.ts';
import { defersTo } from '../../support/jobs.ts';
import { aProxy, post } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aSickPool } from '../../support/sick-pool.ts';
import { ANSWER, answerWell, startUpstream, type Script } from '../../support/upstream.ts';

const store = useRedis();
const HALF_AN_HOUR_MS = 1_800_000;
const DEFER = { 'content-type': 'application/json', 'x-slotkeeper-defer': 'summarize' };
const ON = { deferral: { enabled: true } };

/** One account, which is asked again at once. */
function pools(origin: string, model = 'gpt-4') {
  const account = { name: 'a1', maxConcurrency: 2 };
  const breaker = { openMs: 10, maxOpenMs: 10 };
  const upstream = { baseUrl: `${origin}/v1`, credential: UPSTREAM_KEY, models: [model] };
  return { pools: { openai: { ...upstream, breaker, accounts: [account] } } };
}

function deferred(proxy: TestGateway, body: object = {}): Promise<Response> {
  const json = JSON.stringify({ model: 'gpt-4', messages: [], ...body });
  return post(proxy, { headers: DEFER, body: json });
}

async function idOf(response: Response): Promise<string> {
  return ((await response.json()) as { id: string }).id;
}

async function answerOf(deferral: Deferral, id: string) {
  const job = await deferral.find('default', id);
  const outcome = job && (await deferral.outcomeOf(job));
  return outcome?.kind === 'answered' ? outcome.answer : outcome;
}

describe('work whose upstream is away', () => {
  it('is a typed error for those who use an SDK', async () => {
    const { proxy } = await aProxy(store, answering(503), { file: ON });
    const deferral = await defersTo(proxy, store);
    const openai = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: 'any', maxRetries: 0 });

    const answer = await openai.chat.completions.create(
      { model: 'gpt-4', messages: [{ role: 'user', content: 'hello' }] },
      { headers: { 'x-slotkeeper-defer': 'summarize' } },
    );

    const told = stageDeferredIn(answer);
    expect(told).toBeInstanceOf(StageDeferred);
    expect(told).toMatchObject({ reason: 'gpt-4_unavailable:Http503', retryAfterMinutes: 30 });
    expect(await deferral.find('default', told?.id ?? '')).toMatchObject({ status: 'deferred' });
  });

  it('waits for half an hour by the clock, and is answered when its upstream is back', async () => {
    const time = { ms: 1_790_000_000_000 };
    let script: Script = answering(503);
    const { proxy, upstream } = await aProxy(store, (...all) => script(...all), {
      file: (origin) => ({ ...ON, ...pools(origin), routes: {} }),
      waitMs: 10_000,
    });
    const deferral = await defersTo(proxy, store, { clock: () => time.ms });
    const responses = await Promise.all(Array.from({ length: 10 }, () => deferred(proxy)));
    const ids = await Promise.all(responses.map(idOf));
    script = answerWell;
    time.ms += HALF_AN_HOUR_MS - 1;
    const early = await Promise.all(ids.map((id) => deferral.find('default', id)));
    const ended = heardOf(deferral, 'ended', 10);

    time.ms += 1;
    await ended;

    const answers = await Promise.all(ids.map((id) => answerOf(deferral, id)));
    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(202));
    expect(early.map((job) => job?.status)).toEqual(Array(10).fill('deferred'));
    expect(answers).toMatchObject(Array(10).fill({ status: 200, body: ANSWER }));
    expect(upstream.seen).toHaveLength(20);
    await eventually(async () => expect(await proxy.inFlight()).toBe(0));
  });

  it('goes back to wait as long as it is away', async () => {
    const time = { ms: 1_790_000_000_000 };
    const { proxy } = await aProxy(store, answering(503), { file: ON });
    const deferral = await defersTo(proxy, store, { clock: () => time.ms });
    const id = await idOf(await deferred(proxy));
    const again = heardOf(deferral, 'deferred');

    time.ms += HALF_AN_HOUR_MS;
    await again;

    const job = await deferral.find('default', id);
    expect(job).toMatchObject({ status: 'deferred', deferrals: 2, failures: 0 });
    expect(job?.reason).toBe('gpt-4_unavailable:Http503');
    expect(job!.dueAtMs - time.ms).toBe(2 * HALF_AN_HOUR_MS);
  });
});

describe('an upstream that is a router', () => {
  it('is sent the alias that it knows, and the model that it names comes through', async () => {
    // A tenth of the 13.2 s that such an answer took.
    const sim = await startSimulator({
      limits: { [UPSTREAM_KEY]: 2 },
      behaviour: { latencyMs: 1320, reportedModel: '/models/Qwen3.6-27B-8bit', status: 503 },
    });
    onTestFinished(() => sim.stop());
    const file = {
      ...ON,
      ...pools(sim.url, 'qwen-macbook'),
      routes: { deep: { targets: [{ pool: 'openai', model: 'qwen-macbook' }] } },
    };
    const { proxy } = await aProxy(store, undefined, { file, waitMs: 10_000 });
    const time = { ms: 1_790_000_000_000 };
    const deferral = await defersTo(proxy, store, { clock: () => time.ms });
    const parked = await deferred(proxy, { model: 'deep' });
    sim.configure({ behaviour: { status: null } });
    const ended = heardOf(deferral, 'ended');

    time.ms += HALF_AN_HOUR_MS;
    await ended;
    const live = await deferred(proxy, { model: 'deep' });

    const message = { role: 'assistant' };
    const answer = { model: '/models/Qwen3.6-27B-8bit', choices: [{ message }] };
    const kept = await answerOf(deferral, await idOf(parked));
    expect(kept).toMatchObject({ status: 200 });
    expect(kept && 'body' in kept && JSON.parse(kept.body)).toMatchObject(answer);
    expect(live.status).toBe(200);
    expect(await live.json()).toMatchObject(answer);
    expect(proxy.finished.at(-1)?.ttfbMs).toBeGreaterThan(1300);
  });

  it('sees the alias in the request', async () => {
    const upstream = await startUpstream();
    const file = {
      ...ON,
      ...pools(upstream.url, 'qwen-macbook'),
      routes: { deep: { targets: [{ pool: 'openai', model: 'qwen-macbook' }] } },
    };
    const { proxy } = await aProxy(store, undefined, { file });
    await defersTo(proxy, store);

    await deferred(proxy, { model: 'deep' });

    expect(JSON.parse(String(upstream.seen[0]?.body))).toMatchObject({ model: 'qwen-macbook' });
  });
});

describe('a named slot', () => {
  it('that is there and fails is deferred, never downgraded', async () => {
    const well = await startUpstream();
    const sick = await startUpstream(answering(503));
    const targets = [
      { pool: 'sick', model: 'gpt-4' },
      { pool: 'well', model: 'gpt-4', tier: 1 },
    ];
    const routes = {
      deep: { targets, defer: 'summarize' },
      primary: { targets: [{ pool: 'well', model: 'gpt-4' }] },
    };
    const origins = { 'sick/a': sick.url, 'well/b': well.url };
    const proxy = await aSickPool(store, origins, { more: { ...ON, routes } });
    await defersTo(proxy, store);

    const response = await deferred(proxy, { model: 'deep' });
    const optedOut = await post(proxy, {
      headers: { 'content-type': 'application/json', 'x-slotkeeper-defer': 'off' },
      body: '{"model":"deep"}',
    });

    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ reason: 'deep_unavailable:Http503' });
    expect(optedOut.status).toBe(200);
    expect(well.seen).toHaveLength(1);
  });

  it('that is not configured is served by primary, and waits as primary', async () => {
    let script: Script = answerWell;
    const targets = [{ pool: 'openai', model: 'gpt-4' }];
    const { proxy } = await aProxy(store, (...all) => script(...all), {
      file: { ...ON, routes: { primary: { targets } } },
    });
    await defersTo(proxy, store);

    const answered = await deferred(proxy, { model: 'deep' });
    script = answering(503);
    const parked = await deferred(proxy, { model: 'deep' });

    expect(answered.status).toBe(200);
    expect(proxy.finished[0]).toMatchObject({ route: 'primary' });
    expect(await parked.json()).toMatchObject({ reason: 'primary_unavailable:Http503' });
  });

  it('is unknown to a tenant that may not use its route, whatever primary is', async () => {
    const targets = [{ pool: 'openai', model: 'gpt-4' }];
    const { proxy } = await aProxy(store, answerWell, {
      file: {
        ...ON,
        routes: { deep: { targets }, primary: { targets } },
        tenants: { default: { routes: ['primary'] } },
      },
    });

    const response = await deferred(proxy, { model: 'deep' });

    expect(response.status).toBe(404);
  });
});
