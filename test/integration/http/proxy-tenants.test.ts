// @module-tag redis_required
// Tenants on the proxy's routes: what they may use, what they see of the rest, whose slots they take.
import { describe, expect, it } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { useRedis } from '../../support/redis.ts';
import { caller } from '../../support/scheduler-api.ts';
import { startUpstream } from '../../support/upstream.ts';

const store = useRedis();
const KEYS = { acme: 'acme-key-0123456789', beta: 'beta-key-0123456789' };

async function startProxy() {
  const upstream = await startUpstream();
  const pool = (name: string) => ({
    baseUrl: `${upstream.url}/v1`,
    credential: `credential-of-${name}`,
    models: ['gpt-4', 'gpt-5'],
    accounts: [{ name: `a-${name}`, maxConcurrency: 5 }],
  });
  const target = (name: string) => ({ pool: name, model: 'gpt-4' });
  const file = {
    pools: { openai: pool('openai'), other: pool('other') },
    routes: {
      deep: { targets: [target('other'), target('openai')] },
      theirs: { targets: [target('other')] },
    },
    tenants: {
      acme: { routes: ['deep', 'theirs'], providers: ['openai'], keys: [KEYS.acme] },
      beta: { requestsPerMinute: 1, keys: [KEYS.beta] },
    },
  };
  const { url, inFlight } = await startGateway(store, { upstream: upstream.url, file });
  const call = caller(url);
  const as = (tenant: keyof typeof KEYS) => ({ authorization: `Bearer ${KEYS[tenant]}` });
  const chat = (tenant: keyof typeof KEYS, model: string, headers = {}) =>
    call('POST', '/v1/chat/completions', { model, messages: [] }, { ...as(tenant), ...headers });
  return { call, as, chat, inFlight, seen: upstream.seen };
}

describe('a tenant', () => {
  it('is served by the pools that it may use alone', async () => {
    const { chat, seen } = await startProxy();

    const { status } = await chat('acme', 'deep');

    expect(status).toBe(200);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer credential-of-openai',
    ]);
  });

  it.each([
    ['gpt-5', {}, 'model_not_found'],
    ['nothing', {}, 'model_not_found'],
    ['theirs', {}, 'model_not_found'],
    ['openai/gpt-5', {}, 'model_not_found'],
    ['openai/nothing', {}, 'model_not_found'],
    ['nowhere/gpt-5', {}, 'model_not_found'],
    ['deep', { 'x-slotkeeper-provider': 'other' }, 'provider_not_available'],
    ['deep', { 'x-slotkeeper-provider': 'nowhere' }, 'provider_not_available'],
  ])(
    'is told 404 for what it may not use, as for what is not there: %s %o',
    async (model, headers, code) => {
      const { chat, seen } = await startProxy();

      const { status, body } = await chat('acme', model, headers);

      expect([status, body.error?.['code']]).toEqual([404, code]);
      expect(seen).toEqual([]);
    },
  );

  it('sees the models that it may use, and no others', async () => {
    const { call, as } = await startProxy();

    const list = await call('GET', '/v1/models', undefined, as('acme'));
    const all = await call('GET', '/v1/models', undefined, as('beta'));
    const hidden = await call('GET', '/v1/models/gpt-5', undefined, as('acme'));

    const ids = ({ body }: typeof list) => (body['data'] as { id: string }[]).map(({ id }) => id);
    expect(ids(list)).toEqual(['deep']);
    expect(ids(all)).toEqual(['deep', 'theirs', 'gpt-4', 'gpt-5']);
    expect(hidden.status).toBe(404);
  });

  it('spends its own rate and nobody else’s', async () => {
    const { chat } = await startProxy();

    const statuses = [
      (await chat('beta', 'gpt-4')).status,
      (await chat('beta', 'gpt-4')).status,
      (await chat('acme', 'deep')).status,
    ];

    expect(statuses).toEqual([200, 429, 200]);
  });
});
