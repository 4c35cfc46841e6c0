// Bodies that would exhaust, confuse or misdirect: each is refused before any slot is taken, in the
// plain shape of an error, and the daemon stays well.
// @module-tag redis_required
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { aProxy, errorOf, expectUnharmed, post } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const DEEP = '['.repeat(100_000);

describe('a body', () => {
  it.each([
    ['empty', ''],
    ['malformed', '{"model":"gpt-4",}'],
    ['an array', '[]'],
    ['100,000 levels deep', `{"model":"gpt-4","x":${DEEP}${']'.repeat(100_000)}}`],
    ['deep and never closed', DEEP],
    ['of two models', '{"model":"gpt-4","model":"deep"}'],
    ['of two spellings', '{"model":"gpt-4","Model":"deep"}'],
    ['with a base URL', '{"model":"gpt-4","api_base":"http://169.254.169.254"}'],
    ['with a key', '{"model":"gpt-4","api_key":"k"}'],
    ['with headers', '{"model":"gpt-4","headers":{"a":"b"}}'],
    ['of 1e308 tokens', '{"model":"gpt-4","max_tokens":1e308}'],
    ['of -1 tokens', '{"model":"gpt-4","max_tokens":-1}'],
    ['of 1e9 choices', '{"model":"gpt-4","n":1e9}'],
    ['with a model that is no text', '{"model":{"toString":"gpt-4"}}'],
  ])('that is refused: %s', async (_what, body) => {
    const { proxy, upstream } = await aProxy(store);

    const response = await post(proxy, { body });
    const text = await response.text();

    expect(response.status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'invalid_request_error' } });
    expect(text).not.toMatch(/\bat .*\.(?:ts|js)|node:|redis|Error:/i);
    expect(proxy.finished[0]).toMatchObject({ outcome: undefined, attempts: 0 });
    expect(upstream.seen).toHaveLength(0);
    await expectUnharmed(proxy);
  });

  it.each([
    ['by its length', () => 'x'.repeat(200_000)],
    ['on its way', () => chunks(20, 'x'.repeat(10_000))],
  ])('that is larger than the limit is told so: %s', async (_how, body) => {
    const { proxy, upstream } = await aProxy(store, undefined, {
      server: { maxBodyBytes: 100_000 },
    });

    const response = await post(proxy, { body: body(), duplex: 'half' });

    expect(response.status).toBe(413);
    expect(await errorOf(response)).toMatchObject({ code: 'payload_too_large' });
    expect(upstream.seen).toHaveLength(0);
    await expectUnharmed(proxy);
  });

  it('that is a bomb is refused packed', async () => {
    const { proxy, upstream } = await aProxy(store);
    const body = gzipSync(Buffer.alloc(50 * 1024 * 1024));

    const response = await post(proxy, {
      body,
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    });

    expect(response.status).toBe(415);
    expect(await errorOf(response)).toMatchObject({ code: 'unsupported_media_type' });
    expect(upstream.seen).toHaveLength(0);
    await expectUnharmed(proxy);
  });

  it('pollutes nothing and passes as it is, whatever its keys are called', async () => {
    const { proxy, upstream } = await aProxy(store);
    const body = '{"model":"gpt-4","__proto__":{"x":1},"constructor":{"prototype":{"y":2}}}';

    const response = await post(proxy, { body });

    expect(response.status).toBe(200);
    expect(upstream.seen[0]?.body.toString()).toBe(body);
    expect({}).not.toHaveProperty('x');
    expect({}).not.toHaveProperty('y');
    await expectUnharmed(proxy);
  });

  it('of 500 unknown models gets 500 times 404', async () => {
    const { proxy, upstream } = await aProxy(store);

    const statuses = new Set<number>();
    for (let at = 0; at < 500; at += 1) {
      const body = JSON.stringify({ model: `junk-\r\n\u001b[31m-${at}` });
      const response = await post(proxy, { body });
      await response.text();
      statuses.add(response.status);
    }

    expect([...statuses]).toEqual([404]);
    expect(new Set(proxy.finished.map(({ route }) => route))).toEqual(new Set([undefined]));
    expect(upstream.seen).toHaveLength(0);
    await expectUnharmed(proxy);
  });
});

function chunks(count: number, chunk: string): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      sent += 1;
      if (sent > count) controller.close();
      else controller.enqueue(new TextEncoder().encode(chunk));
    },
  });
}
