// @module-tag redis_required
// What the admin API refuses: strangers, API keys, pages of other sites, and bodies that say what
// cannot be. Nothing is stored by any of it.
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../../src/redis/keys.ts';
import { useRedis } from '../../support/redis.ts';
import { caller, rawStatus, startSchedulerApi, TEST_API_KEY } from '../../support/scheduler-api.ts';

const store = useRedis();
const TOKEN = 'admin-token-0123456789';
const AS_ADMIN = { authorization: `Bearer ${TOKEN}` };

function startAdmin(token: string | undefined = TOKEN) {
  const admin = token === '' ? {} : { token };
  return startSchedulerApi(store, { apiKey: TEST_API_KEY, file: { admin } });
}

describe('the admin API', () => {
  it.each([
    ['no token', {}],
    ['an API key', { authorization: `Bearer ${TEST_API_KEY}` }],
    ['an API key as x-api-key', { 'x-api-key': TEST_API_KEY }],
    ['the token as x-api-key', { 'x-api-key': TOKEN }],
    ['a prefix of the token', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['the token and more', { authorization: `Bearer ${TOKEN}x` }],
    ['a token of the same length', { authorization: `Bearer ${TOKEN.replace('a', 'b')}` }],
    ['a very long token', { authorization: `Bearer ${'x'.repeat(8000)}` }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
  ])('refuses %s with the same 401, on every path', async (_what, headers) => {
    const api = await startAdmin();
    const call = caller(api.url);

    const answers = [
      await call('GET', '/admin/tenants', undefined, headers),
      await call('POST', '/admin/keys', { tenant: 'default' }, headers),
      await call('GET', '/admin/openapi.json', undefined, headers),
      await call('GET', '/admin/nothing', undefined, headers),
    ];

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(await store.redis.exists(cellKeys(api.cell).directory)).toBe(0);
  });

  it('is closed without a token, and says how to open it', async () => {
    const api = await startAdmin('');

    const answer = await caller(api.url)('GET', '/admin/tenants', undefined, AS_ADMIN);

    expect([answer.status, answer.body.error?.['code']]).toEqual([403, 'admin_disabled']);
    expect(answer.body.error?.['message']).toContain('SLOTKEEPER_ADMIN_TOKEN');
  });

  it('throttles guesses, but never the right token', async () => {
    const api = await startAdmin();
    const call = caller(api.url);

    const statuses = new Set<number>();
    for (let i = 0; i < 40; i += 1) {
      const headers = { authorization: `Bearer guess-${i}` };
      statuses.add((await call('GET', '/admin/tenants', undefined, headers)).status);
    }
    const right = await call('GET', '/admin/tenants', undefined, AS_ADMIN);

    expect([...statuses]).toEqual([401, 429]);
    expect(right.status).toBe(200);
  });

  it('refuses what a page of another site sends, with the token too', async () => {
    const api = await startAdmin();

    const status = await rawStatus(api.url, {
      method: 'POST',
      path: '/admin/tenants',
      headers: { ...AS_ADMIN, origin: 'https://evil.example' },
    });

    expect(status).toBe(403);
  });

  it('is not opened by its own token on the other routes', async () => {
    const api = await startAdmin();

    const answer = await caller(api.url)('GET', '/scheduler/openapi.json', undefined, AS_ADMIN);

    expect(answer.status).toBe(401);
  });

  it.each([
    ['no name', {}, 'name'],
    ['__proto__', { name: '__proto__' }, 'name'],
    ['a line break', { name: 'a\r\nb' }, 'name'],
    ['a key’s pattern', { name: '{x}:*' }, 'name'],
    ['a very long name', { name: 'x'.repeat(65) }, 'name'],
    ['a number as a text', { name: 'acme', weight: '2' }, 'weight'],
    ['no weight', { name: 'acme', weight: 0 }, 'weight'],
    ['a fraction', { name: 'acme', maxConcurrency: 1.5 }, 'maxConcurrency'],
    ['more than any number', { name: 'acme', tokensPerMinute: 1e308 }, 'tokensPerMinute'],
    ['a pool that is not there', { name: 'acme', reservedSlots: { q: 1 } }, 'reservedSlots.q'],
    ['too many reserved', { name: 'acme', reservedSlots: { openai: 3 } }, 'reservedSlots.openai'],
    ['a route that is not there', { name: 'acme', routes: ['deep', 'x'] }, 'routes.1'],
    ['a budget without any', { name: 'acme', budget: { stop: 1 } }, 'budget'],
    ['a budget below nothing', { name: 'acme', budget: { stop: -1 } }, 'budget.stop'],
  ])('answers 400 with the field’s path: a tenant with %s', async (_what, body, param) => {
    const api = await startAdmin();

    const answer = await caller(api.url)('POST', '/admin/tenants', body, AS_ADMIN);

    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ code: 'invalid_params', param });
    expect(await store.redis.exists(cellKeys(api.cell).directory)).toBe(0);
  });

  it.each([
    ['an unknown field', { name: 'acme', wieght: 2 }],
    ['a polluting field', '{"name":"acme","__proto__":{"weight":9}}'],
    ['an array', []],
    ['no JSON', '{"name":'],
    ['no body', undefined],
  ])('answers 400: a tenant with %s', async (_what, body) => {
    const api = await startAdmin();

    const answer = await caller(api.url)('POST', '/admin/tenants', body, AS_ADMIN);

    expect(answer.status).toBe(400);
    expect(({} as Record<string, unknown>)['weight']).toBeUndefined();
  });

  it.each([
    ['a tenant that is not there', { tenant: 'nobody' }, 404],
    ['a name with a line break', { tenant: 'acme', name: 'a\r\nset-cookie: x' }, 400],
    ['an end in the past', { tenant: 'acme', expiresAt: '2020-01-01T00:00:00Z' }, 400],
    ['an end that is none', { tenant: 'acme', expiresAt: 'soon' }, 400],
    ['a secret of its own', { tenant: 'acme', key: 'sk-slot-mine' }, 400],
  ])('makes no key for %s', async (_what, body, status) => {
    const api = await startAdmin();
    const call = caller(api.url);
    await call('POST', '/admin/tenants', { name: 'acme' }, AS_ADMIN);

    const answer = await call('POST', '/admin/keys', body, AS_ADMIN);
    const listed = await call('GET', '/admin/keys', undefined, AS_ADMIN);

    expect(answer.status).toBe(status);
    expect(listed.body['keys']).toEqual([]);
  });

  it('tells a wrong method which ones there are', async () => {
    const api = await startAdmin();

    const answer = await caller(api.url)('PUT', '/admin/tenants', {}, AS_ADMIN);

    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });

  it('logs no token and no key', async () => {
    const api = await startAdmin();
    const call = caller(api.url);
    await call('POST', '/admin/tenants', { name: 'acme' }, AS_ADMIN);
    const { body } = await call('POST', '/admin/keys', { tenant: 'acme' }, AS_ADMIN);

    const logged = api.logged();

    expect(logged).not.toContain(TOKEN);
    expect(logged).not.toContain(String(body['key']));
  });
});
