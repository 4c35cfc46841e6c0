// @module-tag redis_required
// Deferral as a caller and an operator see it: ten requests of a deep model that is away are parked,
// drained once it is back, and fetched; what a drain refuses; whose jobs they are; kill -9 of daemons.
import { expect, it } from 'vitest';
import { ADMIN_TOKEN } from '../support/admin-api.ts';
import { eventually } from '../support/eventually.ts';
import { startLive, type File, type LiveDaemon } from '../support/live-daemon.ts';
import { startBuilt } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';
import { startUpstream, answerWell, type Script } from '../support/upstream.ts';

const store = useRedis();
const HALF_AN_HOUR_S = 1800;
const [KEY_A, KEY_B] = ['team-a-key-0123456789', 'team-b-key-0123456789'];

interface Job {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly due_at: string;
  readonly submitted_at: string;
  readonly response?: { readonly status: number; readonly body: { readonly model: string } };
}

/** A deep model behind an upstream that a test turns on and off. */
async function aDeepModel() {
  const state = { isOn: false };
  const away: Script = (_seen, _res, socket) => socket.resetAndDestroy();
  const upstream = await startUpstream((...call) => (state.isOn ? answerWell : away)(...call));
  const first = (file: File): void => {
    file.pools['deep-pool'] = {
      ...{ baseUrl: `${upstream.url}/v1`, models: ['qwen-deep'] },
      accounts: [{ name: 'd1', maxConcurrency: 4, credential: 'deep-key' }],
      breaker: { consecutiveFailures: 100 },
    };
    file.routes['deep'] = { targets: [{ pool: 'deep-pool', model: 'qwen-deep' }] };
    file.tenants = {
      'team-a': { keys: [KEY_A] },
      'team-b': { keys: [KEY_B] },
    };
    file['deferral'] = { enabled: true };
  };
  return { upstream, state, first };
}

function ask(daemon: LiveDaemon, headers: Readonly<Record<string, string>> = {}) {
  return fetch(`${daemon.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${KEY_A}`,
      'x-slotkeeper-defer': 'summarize',
      ...headers,
    },
    body: JSON.stringify({ model: 'deep', messages: [{ role: 'user', content: 'hi' }] }),
  });
}

async function get(daemon: LiveDaemon, path: string, { key = KEY_A, method = 'GET' } = {}) {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(daemon.url + path, { method, headers });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Job };
}

async function run(daemon: LiveDaemon, ...args: readonly string[]) {
  const env = { SLOTKEEPER_URL: daemon.url, SLOTKEEPER_ADMIN_TOKEN: ADMIN_TOKEN };
  await using command = startBuilt('cli/main.js', args, { env });
  const { code } = await command.ended;
  return { code, text: command.stdout() + command.stderr() };
}

it('ten requests for a deep model that is away wait, are drained once it is back, and are answered by it', async () => {
  const { state, first, upstream } = await aDeepModel();
  const daemon = await startLive(store, { first });

  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(daemon)));
  const jobs = (await Promise.all(answers.map((one) => one.json()))) as Job[];
  const parked = await Promise.all(jobs.map(({ id }) => get(daemon, `/v1/deferred/${id}`)));
  const listed = await run(daemon, 'deferred', 'list', '--stage', 'summarize');
  state.isOn = true;
  const drained = await run(daemon, 'drain', 'summarize');
  const ended = await Promise.all(jobs.map(({ id }) => get(daemon, `/v1/deferred/${id}`)));

  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(202));
  expect(answers[0]!.headers.get('retry-after')).toBe(String(HALF_AN_HOUR_S));
  for (const { body, headers } of parked) {
    const waitMs = Date.parse(body.due_at) - Date.parse(body.submitted_at);
    expect(body).toMatchObject({ status: 'deferred', stage: 'summarize', slot: 'deep' });
    expect(body.reason).toMatch(/^deep_unavailable:\w+$/);
    expect(waitMs).toBe(HALF_AN_HOUR_S * 1000);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(HALF_AN_HOUR_S - 60);
  }
  expect(listed.text).toMatch(/summarize +10 +0 /);
  expect(drained).toMatchObject({ code: 0 });
  expect(drained.text).toContain('10 of 10 drained: 10 answered');
  for (const { body } of ended) {
    expect(body).toMatchObject({ status: 'answered', response: { status: 200 } });
    expect(body.response!.body.model).toBe('gpt-4-0613');
  }
  const asked = upstream.seen.map(
    ({ body }) => (JSON.parse(body.toString()) as Job & { model: string }).model,
  );
  expect(new Set(asked)).toEqual(new Set(['qwen-deep']));
  expect(await daemon.inFlightOf('d1')).toBe(0);
});

it('a drain of a stage that is not drained, or without a deep route, ends as wrong usage and claims nothing', async () => {
  const { first, upstream } = await aDeepModel();
  const daemon = await startLive(store, { first });
  await ask(daemon, { 'x-slotkeeper-defer': 'extract' });
  const withoutDeep = await startLive(store, {
    first: (file) => {
      first(file);
      delete file.routes['deep'];
      file.routes['primary'] = { targets: [{ pool: 'deep-pool', model: 'qwen-deep' }] };
    },
  });
  const seen = upstream.seen.length;

  const refused = await run(daemon, 'drain', 'extract');
  const unknown = await run(daemon, 'drain', 'nap', '3');
  const noDeep = await run(withoutDeep, 'drain', 'summarize');

  expect([refused.code, unknown.code, noDeep.code]).toEqual([2, 2, 2]);
  expect(refused.text).toContain('The stage extract is not drained');
  expect(unknown.text).toContain('No stage is named so');
  expect(noDeep.text).toContain('No route is named deep');
  expect(upstream.seen.length).toBe(seen);
});

it('a deferred request is there for its own tenant alone, which may cancel and delete it', async () => {
  const { first } = await aDeepModel();
  const daemon = await startLive(store, { first });
  const { id } = (await (await ask(daemon)).json()) as Job;
  const path = `/v1/deferred/${id}`;

  const foreign = await get(daemon, path, { key: KEY_B });
  const foreignCancel = await get(daemon, `${path}/cancel`, { key: KEY_B, method: 'POST' });
  const foreignList = await get(daemon, '/v1/deferred', { key: KEY_B });
  const list = await get(daemon, '/v1/deferred');
  const cancelled = await get(daemon, `${path}/cancel`, { method: 'POST' });
  const retried = await run(daemon, 'deferred', 'retry', id);
  const deleted = await get(daemon, path, { method: 'DELETE' });
  const after = await get(daemon, path);

  expect([foreign.status, foreignCancel.status]).toEqual([404, 404]);
  expect(foreignList.body).toMatchObject({ data: [] });
  expect(list.body).toMatchObject({ data: [{ id, status: 'deferred' }] });
  expect(cancelled.body).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
  expect(retried.text).toContain('The job is cancelled');
  expect(deleted.body).toMatchObject({ id, deleted: true });
  expect(after.status).toBe(404);
});

it('an operator retries and drops by hand', async () => {
  const { state, first } = await aDeepModel();
  const daemon = await startLive(store, { first });
  const [one, other] = (await Promise.all(
    [1, 2].map(async () => await (await ask(daemon)).json()),
  )) as Job[];
  state.isOn = true;

  const retried = await run(daemon, 'deferred', 'retry', one!.id);
  await eventually(async () => {
    expect((await get(daemon, `/v1/deferred/${one!.id}`)).body.status).toBe('answered');
  });
  const dropped = await run(daemon, 'deferred', 'drop', other!.id);
  const shown = await run(daemon, 'deferred', 'show', one!.id);
  const gone = await run(daemon, 'deferred', 'show', other!.id);

  expect(retried).toMatchObject({ code: 0, text: `${one!.id} queued\n` });
  expect(dropped).toMatchObject({ code: 0, text: `${other!.id} dropped\n` });
  expect(shown.text).toContain('"status": "answered"');
  expect(shown.text).not.toContain('"hi"');
  expect(gone).toMatchObject({ code: 1 });
});
