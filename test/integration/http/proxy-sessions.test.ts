// @module-tag redis_required
// Sessions on the proxy's routes: where a request may name its conversation, and the account that
// serves it then.
import { describe, expect, it } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { useRedis } from '../../support/redis.ts';
import { caller } from '../../support/scheduler-api.ts';
import { answerWell, startUpstream } from '../../support/upstream.ts';

const store = useRedis();
const TOKEN = 'admin-token-0123456789';

/** Three accounts with a slot each, told apart by their credentials. */
async function aProxyOfThree(sessions: object = {}) {
  const upstream = await startUpstream();
  const names = ['a1', 'a2', 'a3'];
  const accounts = names.map((name) => ({ name, maxConcurrency: 1, credential: `of-${name}` }));
  const openai = { baseUrl: `${upstream.url}/v1`, models: ['gpt-4'], accounts };
  const file = { pools: { openai }, routes: {}, sessions, admin: { token: TOKEN } };
  const gateway = await startGateway(store, { upstream: upstream.url, file });
  const call = caller(gateway.url);
  const chat = async (body: object, headers: Record<string, string> = {}) => {
    await call('POST', '/v1/chat/completions', { model: 'gpt-4', messages: [], ...body }, headers);
    await expect.poll(() => gateway.inFlight()).toBe(0);
    return upstream.seen.at(-1)!.headers.authorization;
  };
  const explain = (session: string) =>
    call('GET', `/admin/explain?route=gpt-4&session=${session}`, undefined, {
      authorization: `Bearer ${TOKEN}`,
    });
  return { chat, explain, call };
}

describe('a request with a session', () => {
  it.each([
    ['the header', {}, { 'x-slotkeeper-session': 's1' }, {}],
    ['the user', { user: 's1' }, {}, { from: ['user'] }],
    ['the key of its cache', { prompt_cache_key: 's1' }, {}, { from: ['prompt_cache_key'] }],
    ['its metadata', { metadata: { session_id: 's1' } }, {}, { from: ['metadata.session_id'] }],
  ])('in %s stays with its account', async (_, body, headers, sessions) => {
    const { chat } = await aProxyOfThree(sessions);
    const first = await chat(body, headers);
    await chat({});

    const others = [await chat(body, headers), await chat(body, headers)];

    expect(others).toEqual([first, first]);
  });

  it('stays with no account where the configuration looks elsewhere', async () => {
    const { chat } = await aProxyOfThree();

    const seen = new Set([await chat({ user: 's1' }), await chat({ user: 's1' })]);

    expect(seen.size).toBe(2);
  });

  it('is refused with a session of more than 1024 characters', async () => {
    const { call } = await aProxyOfThree();

    const answer = await call(
      'POST',
      '/v1/chat/completions',
      { model: 'gpt-4', messages: [] },
      { 'x-slotkeeper-session': 's'.repeat(1025) },
    );

    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_params', param: 'session' } },
    });
  });

  it('is explained by the account that it prefers', async () => {
    const { chat, explain } = await aProxyOfThree();
    const credential = await chat({}, { 'x-slotkeeper-session': 's1' });
    const preferred = credential!.replace('Bearer of-', '');
    await chat({});
    await chat({});

    const [known, unknown] = [await explain('s1'), await explain('s2')];

    expect(known.body).toMatchObject({ decision: 'granted', session: { preferred } });
    const { accounts } = known.body as { accounts: { account: string; verdict: string }[] };
    expect(accounts.find(({ verdict }) => verdict === 'chosen')!.account).toBe(preferred);
    expect(unknown.body).toMatchObject({ session: {} });
  });
});

describe('a route that serialises sessions', () => {
  /** Two routes to one account of ten slots; answers take a while. */
  async function aSerialProxy() {
    const busy = { now: 0, most: 0 };
    const upstream = await startUpstream((seen, res, socket) => {
      busy.now += 1;
      busy.most = Math.max(busy.most, busy.now);
      setTimeout(() => {
        busy.now -= 1;
        answerWell(seen, res, socket);
      }, 20);
    });
    const targets = [{ pool: 'openai', model: 'gpt-4' }];
    const file = { routes: { agent: { targets, serialize: true }, deep: { targets } } };
    const slots = { slots: 10, waitMs: 20_000, file };
    const { url } = await startGateway(store, { upstream: upstream.url, ...slots });
    const chat = (model: string, headers: Record<string, string>) =>
      caller(url)('POST', '/v1/chat/completions', { model, messages: [] }, headers);
    return { busy, chat };
  }

  it('lets requests of one session reach the upstream one at a time', async () => {
    const { busy, chat } = await aSerialProxy();
    const session = { 'x-slotkeeper-session': 's1' };

    const answers = await Promise.all([1, 2, 3, 4].map(() => chat('agent', session)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(busy.most).toBe(1);
  });

  it('lets those without a session, and of other routes, run at once', async () => {
    const { busy, chat } = await aSerialProxy();

    await Promise.all([1, 2, 3, 4].map(() => chat('agent', {})));
    const free = busy.most;
    busy.most = 0;
    await Promise.all([1, 2, 3, 4].map(() => chat('deep', { 'x-slotkeeper-session': 's1' })));

    expect(free).toBeGreaterThan(1);
    expect(busy.most).toBeGreaterThan(1);
  });

  it('is what a request of another route may ask for by a header', async () => {
    const { busy, chat } = await aSerialProxy();
    const headers = { 'x-slotkeeper-session': 's1', 'x-slotkeeper-lane': 'on' };

    await Promise.all([1, 2, 3].map(() => chat('deep', headers)));

    expect(busy.most).toBe(1);
  });

  it.each([
    [{ 'x-slotkeeper-lane': 'on' }, 'A lane is a session’s'],
    [{ 'x-slotkeeper-lane': 'yes', 'x-slotkeeper-session': 's' }, 'can only be "on"'],
  ])('refuses %j', async (headers, message) => {
    const { chat } = await aSerialProxy();

    const { status, body } = await chat('deep', headers);

    expect(status).toBe(400);
    expect((body['error'] as { message: string }).message).toContain(message);
  });
});
