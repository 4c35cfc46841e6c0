// @module-tag redis_required
// Which provider serves a request: the one that it names, else the one of its run, else its route's.
import { describe, expect, it } from 'vitest';
import { aProxy, errorOf, post, type TestProxy } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';
import type { SeenRequest } from '../support/upstream.ts';

const store = useRedis();

/** `a` comes before `b` in the route `m`; `off` is disabled. Credentials tell who was asked. */
async function aMixedProxy(runs: Readonly<Record<string, unknown>> = {}): Promise<TestProxy> {
  const pool = (url: string, name: string, enabled = true) => ({
    baseUrl: `${url}/v1`,
    models: ['m'],
    credential: `key-of-${name}`,
    accounts: [{ name: `${name}1`, maxConcurrency: 5, enabled }],
  });
  return await aProxy(store, undefined, {
    file: (url) => ({
      pools: { a: pool(url, 'a'), b: pool(url, 'b'), off: pool(url, 'off', false) },
      routes: {
        m: { targets: ['a', 'b', 'off'].map((name) => ({ pool: name, model: 'm' })) },
        only_b: { targets: [{ pool: 'b', model: 'm' }] },
        summary: {
          targets: [{ pool: 'a', model: 'm', defaults: { temperature: 0 } }],
          defaults: { temperature: 1, max_tokens: 50 },
        },
      },
      runs,
    }),
  });
}

function ask(
  proxy: TestProxy['proxy'],
  model: string,
  headers: Readonly<Record<string, string>> = {},
) {
  return post(proxy, {
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [] }),
  });
}

const providerOf = ({ headers }: SeenRequest): string =>
  (headers.authorization ?? '').replace('Bearer key-of-', '');

describe('a request', () => {
  it('goes to the provider that it names, by header or before the model, one by one', async () => {
    const { proxy, upstream } = await aMixedProxy();

    await ask(proxy, 'm');
    await ask(proxy, 'm', { 'x-slotkeeper-provider': 'b' });
    await ask(proxy, 'a/m');
    await ask(proxy, 'b/m');

    expect(upstream.seen.map(providerOf)).toEqual(['a', 'b', 'a', 'b']);
    expect(upstream.seen.map(({ body }) => body.toString())).toEqual(
      Array(4).fill('{"model":"m","messages":[]}'),
    );
  });

  it.each([
    ['mars', 404],
    ['off', 503],
  ])('for a provider that cannot serve is told so: %s %i', async (provider, status) => {
    const { proxy, upstream } = await aMixedProxy();

    const refused = await ask(proxy, 'm', { 'x-slotkeeper-provider': provider });

    expect(refused.status).toBe(status);
    expect(await errorOf(refused)).toMatchObject({ code: 'provider_not_available' });
    expect(refused.headers.has('retry-after')).toBe(status === 503);
    expect(upstream.seen).toHaveLength(0);
  });

  it('says what its route fills in, and what its caller says', async () => {
    const { proxy, upstream } = await aMixedProxy();

    await ask(proxy, 'summary');
    await post(proxy, { body: '{"model":"summary","temperature":0.7}' });

    expect(upstream.seen.map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual([
      { temperature: 0, max_tokens: 50, model: 'm', messages: [] },
      { max_tokens: 50, model: 'm', temperature: 0.7 },
    ]);
  });
});

describe('a run', () => {
  const run = { 'x-slotkeeper-run': 'run-1' };

  it('stays with the provider of its first request, unless a request names one', async () => {
    const { proxy, upstream } = await aMixedProxy();

    await ask(proxy, 'only_b', run);
    await ask(proxy, 'm', run);
    await ask(proxy, 'a/m', run);
    await ask(proxy, 'm', run);
    await ask(proxy, 'm', { 'x-slotkeeper-run': 'run-2' });

    expect(upstream.seen.map(providerOf)).toEqual(['b', 'b', 'a', 'b', 'a']);
  });

  it('is decided by its first request also where that names a provider', async () => {
    const { proxy, upstream } = await aMixedProxy();

    await ask(proxy, 'b/m', run);
    await ask(proxy, 'm', run);

    expect(upstream.seen.map(providerOf)).toEqual(['b', 'b']);
  });

  it('may be a part of a session’s id', async () => {
    const { proxy, upstream } = await aMixedProxy();

    await ask(proxy, 'b/m', { 'x-slotkeeper-session': 't:a:run-1:s:1' });
    await ask(proxy, 'm', { 'x-slotkeeper-session': 't:other:run-1:s:2' });
    await ask(proxy, 'm', { 'x-slotkeeper-session': 't:a:run-3:s:1' });

    expect(upstream.seen.map(providerOf)).toEqual(['b', 'b', 'a']);
  });

  it('that is malformed is refused, and a session without one is served', async () => {
    const { proxy } = await aMixedProxy();

    const refused = await ask(proxy, 'm', { 'x-slotkeeper-run': 'two words' });
    const served = await ask(proxy, 'm', { 'x-slotkeeper-session': 'whole' });

    expect(refused.status).toBe(400);
    expect(await errorOf(refused)).toMatchObject({
      code: 'invalid_params',
      param: 'x-slotkeeper-run',
    });
    expect(served.status).toBe(200);
  });

  it('goes wherever its route leads where the configuration says so', async () => {
    const { proxy, upstream } = await aMixedProxy({ stickyProvider: false });

    await ask(proxy, 'only_b', run);
    await ask(proxy, 'm', run);

    expect(upstream.seen.map(providerOf)).toEqual(['b', 'a']);
  });
});
