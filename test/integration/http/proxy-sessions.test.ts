// @module-tag redis_required
// Sessions on the proxy's routes: where a request may name its conversation, and the account that
// serves it then.
import { describe, expect, it } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { useRedis } from '../../support/redis.ts';
import { caller } from '../../support/scheduler-api.ts';
import { startUpstream } from '../../support/upstream.ts';

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
