// What crosses the proxy and what does not: paths, models, ids, headers and bodies, in both
// directions.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { ENDPOINTS } from '../../src/gateway/endpoints.ts';
import { eventually } from '../support/eventually.ts';
import { UPSTREAM_KEY } from '../support/gateway.ts';
import { EVENT, aProxy, errorOf, expectSlotBack, post, streamOf } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';
import { ANSWER } from '../support/upstream.ts';

const store = useRedis();

describe('a request', () => {
  it.each([...ENDPOINTS.keys()])('to /v1%s reaches the same path of the upstream', async (path) => {
    const { proxy, upstream } = await aProxy(store);

    const response = await post(proxy, { path: `/v1${path}?api-version=1&key=secret` });

    expect(response.status).toBe(200);
    expect(await response.text()).toBe(ANSWER);
    expect(upstream.seen[0]?.url).toBe(`/v1${path}`);
  });

  it('keeps its bytes, and only its model is renamed for the upstream', async () => {
    const { proxy, upstream } = await aProxy(store);
    const body = '{ "seed": 9007199254740993, "model":"deep", "messages":[] }';

    await post(proxy, { body });
    await post(proxy, { body: body.replace('deep', 'gpt-4') });

    expect(upstream.seen[0]?.body.toString()).toBe(body.replace('deep', 'gpt-4-0613'));
    expect(upstream.seen[1]?.body.toString()).toBe(body.replace('deep', 'gpt-4'));
  });

  it('may be a form with files', async () => {
    const { proxy, upstream } = await aProxy(store);
    const form = new FormData();
    form.set('file', new File([new Uint8Array(100_000).fill(7)], 'a.wav'));
    form.set('model', 'deep');

    const response = await post(proxy, {
      path: '/v1/audio/transcriptions',
      body: form,
      headers: {},
    });

    expect(response.status).toBe(200);
    const [seen] = upstream.seen;
    expect(seen?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    expect(seen?.body.includes('name="model"\r\n\r\ngpt-4-0613\r\n')).toBe(true);
    expect(seen?.body.includes(Buffer.alloc(100_000, 7))).toBe(true);
  });

  it('is read as JSON even if curl calls it a form', async () => {
    const { proxy, upstream } = await aProxy(store);

    const response = await post(proxy, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });

    expect(response.status).toBe(200);
    expect(upstream.seen[0]?.headers['content-type']).toBe('application/json');
  });

  it('carries our credential and none of the client’s', async () => {
    const { proxy, upstream } = await aProxy(store);

    await post(proxy, {
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer client-secret',
        'x-api-key': 'client-secret',
        cookie: 'session=client-secret',
        'openai-organization': 'client-secret',
        'openai-project': 'client-secret',
        'proxy-authorization': 'client-secret',
        'x-forwarded-host': 'client-secret',
        'x-forwarded-for': 'client-secret',
        'x-original-url': '/client-secret',
        'openai-beta': 'assistants=v2',
      },
    });

    const headers = upstream.seen[0]?.headers;
    expect(headers).toMatchObject({
      authorization: `Bearer ${UPSTREAM_KEY}`,
      'openai-beta': 'assistants=v2',
      host: new URL(upstream.url).host,
    });
    expect(JSON.stringify(headers)).not.toContain('client-secret');
  });

  it('for Anthropic carries its kind of credential', async () => {
    const { proxy, upstream } = await aProxy(store, undefined, { provider: 'anthropic' });

    await post(proxy, { path: '/v1/messages' });

    expect(upstream.seen[0]?.headers).toMatchObject({
      'x-api-key': UPSTREAM_KEY,
      'anthropic-version': '2023-06-01',
    });
    expect(upstream.seen[0]?.headers).not.toHaveProperty('authorization');
  });
});

describe('an answer', () => {
  it('brings the upstream’s bytes, status and limits, and says what the gateway did', async () => {
    const { proxy } = await aProxy(store, (_seen, res) => {
      res.writeHead(201, {
        'content-type': 'application/json',
        'x-request-id': 'req_upstream',
        'x-ratelimit-remaining-requests': '41',
        'set-cookie': 'a=b',
        'openai-organization': 'their-org',
        'alt-svc': 'h3',
      });
      res.end('{"model":"gpt-4-0613-actual"}');
    });

    const response = await post(proxy, { headers: { 'x-request-id': 'mine-1' } });

    expect(response.status).toBe(201);
    expect(await response.text()).toBe('{"model":"gpt-4-0613-actual"}');
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      'x-request-id': 'mine-1',
      'x-upstream-request-id': 'req_upstream',
      'x-ratelimit-remaining-requests': '41',
      'x-slotkeeper-account': '5d9315b4936a',
      'x-slotkeeper-attempts': '1',
      'x-slotkeeper-origin': 'upstream',
    });
    expect(Number(headers['x-slotkeeper-queue-ms'])).toBeGreaterThanOrEqual(0);
    expect(Number(headers['x-slotkeeper-overhead-ms'])).toBeLessThan(1000);
    for (const name of ['set-cookie', 'openai-organization', 'alt-svc', 'x-powered-by']) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  it('that is a stream arrives event by event', async () => {
    const { proxy } = await aProxy(store, streamOf(EVENT));

    const response = await post(proxy);
    const first = await response.body!.getReader().read();

    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(Buffer.from(first.value).toString()).toBe(EVENT);
  });

  it('that is large arrives whole, at the pace of its reader', async () => {
    const megabytes = Buffer.alloc(20 * 1024 * 1024, 'x');
    const { proxy } = await aProxy(store, (_seen, res) => {
      res.writeHead(200, { 'content-type': 'audio/mpeg' }).end(megabytes);
    });

    const response = await post(proxy, { path: '/v1/audio/speech' });
    const received = Buffer.from(await response.arrayBuffer());

    expect(received.equals(megabytes)).toBe(true);
    await expectSlotBack(proxy, 'success');
  });
});

describe('ids', () => {
  it.each([
    ['the same x-request-id', { 'x-request-id': 'same' }],
    [
      'the same traceparent',
      { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    ],
    ['the same session', { 'x-slotkeeper-session': 'same' }],
    ['none', {}],
  ])('concurrent requests with %s hold a slot each', async (_what, headers) => {
    const { proxy, upstream } = await aProxy(store, () => undefined, {
      slots: 3,
      timeouts: { headersTimeoutMs: 5000 },
    });
    const leaving = new AbortController();

    const pending = [1, 2, 3].map(() => post(proxy, { headers, signal: leaving.signal }));
    const left = Promise.allSettled(pending);
    await eventually(() => expect(upstream.seen).toHaveLength(3));
    const heldMeanwhile = await proxy.inFlight();
    const refused = await post(proxy, { headers });
    leaving.abort();

    expect(heldMeanwhile).toBe(3);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after-ms')).toMatch(/^\d+$/);
    expect(await errorOf(refused)).toMatchObject({ code: 'pool_full', origin: 'gateway' });
    await left;
    await eventually(async () => expect(await proxy.inFlight()).toBe(0));
  });

  it.each(['x'.repeat(129), 'with space', 'tab\there', 'ünicode', ''])(
    'that are not plain (%j) are replaced in the answer',
    async (id) => {
      const { proxy } = await aProxy(store);

      const header = Buffer.from(id).toString('latin1');
      const response = await post(proxy, { headers: { 'x-request-id': header } });

      expect(response.headers.get('x-request-id')).toMatch(/^[\w-]{21}$/);
    },
  );

  it('stand on refusals too', async () => {
    const { proxy } = await aProxy(store);

    const response = await post(proxy, { body: 'no JSON', headers: { 'x-request-id': 'mine' } });

    expect(response.headers.get('x-request-id')).toBe('mine');
  });
});

describe('models', () => {
  it('are listed from the routes, in a shape for both families of clients', async () => {
    const { proxy, upstream } = await aProxy(store);

    const response = await fetch(`${proxy.url}/v1/models`);
    const list = (await response.json()) as { data: Record<string, unknown>[] };

    expect(list).toMatchObject({ object: 'list', has_more: false });
    expect(list.data.map(({ id }) => id)).toEqual(expect.arrayContaining(['gpt-4', 'deep']));
    expect(list.data[0]).toMatchObject({ object: 'model', type: 'model', owned_by: 'slotkeeper' });
    expect(upstream.seen).toHaveLength(0);
  });

  it('are described one by one', async () => {
    const { proxy } = await aProxy(store);

    const known = await fetch(`${proxy.url}/v1/models/deep`);
    const unknown = await fetch(`${proxy.url}/v1/models/gpt-9`);

    expect(await known.json()).toMatchObject({ id: 'deep', object: 'model' });
    expect(unknown.status).toBe(404);
    expect(await errorOf(unknown)).toMatchObject({ code: 'model_not_found' });
  });

  it('that are not configured are 404 before any slot is asked for', async () => {
    const { proxy, upstream } = await aProxy(store);

    const response = await post(proxy, { body: '{"model":"gpt-9"}' });

    expect(response.status).toBe(404);
    expect(await errorOf(response)).toMatchObject({ code: 'model_not_found', param: 'model' });
    expect(proxy.finished[0]).toMatchObject({ outcome: undefined, attempts: 0, route: undefined });
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('paths', () => {
  it.each(['/v1/assistants', '/v1/chat', '/v1/chat/completions/', '/v1/Chat/completions', '/v1/'])(
    'that are not on the list are 404: %s',
    async (path) => {
      const { proxy } = await aProxy(store);

      const response = await post(proxy, { path });

      expect(response.status).toBe(404);
      expect(await errorOf(response)).toMatchObject({ code: 'path_not_found' });
    },
  );

  it('take their own method only', async () => {
    const { proxy } = await aProxy(store);

    const read = await fetch(`${proxy.url}/v1/chat/completions`);
    const written = await post(proxy, { path: '/v1/models' });

    expect(read.status).toBe(405);
    expect(read.headers.get('allow')).toBe('POST');
    expect(written.status).toBe(405);
    expect(await errorOf(written)).toMatchObject({ code: 'method_not_allowed' });
  });

  it('of Anthropic are refused in its shape', async () => {
    const { proxy } = await aProxy(store);

    const response = await post(proxy, { path: '/v1/messages', body: '{"model":"gpt-9"}' });

    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error', code: 'model_not_found' },
    });
  });
});
