// @module-tag redis_required
// What stands before every route: the key, the origin of pages, headers, the last resort.
import { describe, expect, it } from 'vitest';
import { useRedis } from '../../support/redis.ts';
import { caller, rawStatus, startSchedulerApi, TEST_API_KEY } from '../../support/scheduler-api.ts';

const store = useRedis();

describe('what stands before the API', () => {
  it('refuses callers without the key, but shows health to everybody', async () => {
    const api = await startSchedulerApi(store, { apiKey: TEST_API_KEY });
    const call = caller(api.url);

    const slots = await call('POST', '/scheduler/slots', { route: 'deep' });
    const openapi = await call('GET', '/scheduler/openapi.json');
    const proxy = await call('POST', '/v1/chat/completions', {});
    const health = await call('GET', '/healthz');
    const ready = await call('GET', '/readyz');

    expect([slots.status, openapi.status, proxy.status]).toEqual([401, 401, 401]);
    expect([health.status, ready.status]).toEqual([200, 200]);
    expect(health.body).toMatchObject({
      status: 'ok',
      uptimeSeconds: expect.any(Number) as number,
    });
    expect(await api.inFlight()).toBe(0);
  });

  it('sends neither CORS headers nor cookies nor its framework’s name', async () => {
    const api = await startSchedulerApi(store);

    const { headers } = await caller(api.url)('GET', '/scheduler/openapi.json', undefined, {
      origin: 'https://evil.example',
    });

    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect([headers.get('set-cookie'), headers.get('x-powered-by')]).toEqual([null, null]);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('tells of all tenants to the operator alone, where others can reach it', async () => {
    const [token, tenantKey] = ['an-admin-token-0123456789', 'a-tenant-key-0123456789'];
    const file = {
      server: { port: 0, host: '0.0.0.0', apiKey: TEST_API_KEY },
      admin: { token },
      tenants: { acme: { keys: [tenantKey] } },
    };
    const { url } = await startSchedulerApi(store, { file });
    const statusFor = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${url}/metrics`, { headers })).status;

    const tenant = await statusFor({ 'x-api-key': tenantKey });
    const stranger = await statusFor({ authorization: `Bearer ${token}x` });
    const operator = await statusFor({ authorization: `Bearer ${token}` });
    const own = await statusFor({ 'x-api-key': TEST_API_KEY });

    expect([tenant, stranger, operator, own]).toEqual([403, 401, 200, 200]);
  });

  it('refuses pages under a rebound name when there is no key', async () => {
    const api = await startSchedulerApi(store);

    const status = await rawStatus(api.url, {
      method: 'DELETE',
      path: '/scheduler/slots/job-1',
      headers: { host: 'evil.example', origin: 'http://evil.example' },
    });

    expect(status).toBe(403);
  });

  it('logs what fails unexpectedly and tells the caller nothing of it', async () => {
    const api = await startSchedulerApi(store);
    api.scheduler.cancel = () => Promise.reject(new Error('secret words of Redis'));

    const answer = await caller(api.url)('DELETE', '/scheduler/slots/job-1');

    expect([answer.status, answer.body.error?.['code']]).toEqual([500, 'internal']);
    expect(JSON.stringify(answer.body)).not.toContain('secret words');
    expect(api.logged()).toContain('secret words of Redis');
  });
});
