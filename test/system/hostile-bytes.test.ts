// Requests that two HTTP parsers could read differently, and paths that mean something else after
// decoding. None reaches an upstream, none takes a slot, and the daemon stays well.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { aProxy, expectUnharmed } from '../support/proxy.ts';
import { bodiesOf, openRaw, sendRaw } from '../support/raw-http.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const BODY = '{"model":"gpt-4"}';
const CHUNKED = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
const ERROR = { error: { message: expect.any(String) as unknown, origin: 'gateway' } };

function request(headers: readonly string[], body: string, path = '/v1/chat/completions'): string {
  return [`POST ${path} HTTP/1.1`, 'Host: x', ...headers, '', body].join('\r\n');
}

const LENGTH = `Content-Length: ${BODY.length}`;

describe('bytes that are no plain request are answered 400 and the connection is closed', () => {
  it.each([
    ['both lengths', request([LENGTH, 'Transfer-Encoding: chunked'], CHUNKED)],
    ['both lengths, turned', request(['Transfer-Encoding: chunked', LENGTH], CHUNKED)],
    ['two content lengths', request([LENGTH, 'Content-Length: 5'], BODY)],
    ['two equal content lengths', request([LENGTH, LENGTH], BODY)],
    ['a list of lengths', request([`Content-Length: ${BODY.length}, ${BODY.length}`], BODY)],
    ['a signed length', request([`Content-Length: +${BODY.length}`], BODY)],
    ['a hexadecimal length', request(['Content-Length: 0x11'], BODY)],
    ['a huge length', request(['Content-Length: 99999999999999999999'], BODY)],
    [
      'an encoding that is not chunked last',
      request(['Transfer-Encoding: chunked, gzip'], CHUNKED),
    ],
    ['an unknown encoding', request(['Transfer-Encoding: xchunked'], CHUNKED)],
    ['a space before the colon', request(['Content-Length : 17'], BODY)],
    ['a folded header', request(['X-A: b', ' Content-Length: 17'], BODY)],
    ['bare line feeds', request([LENGTH], BODY).replaceAll('\r\n', '\n')],
    ['a bare carriage return', request(['X-A: b\rX-B: c', LENGTH], BODY)],
    ['a NUL in a header', request(['X-A: b\0c', LENGTH], BODY)],
    ['a NUL in the path', request([LENGTH], BODY, '/v1/chat\0/completions')],
    ['a space in the path', request([LENGTH], BODY, '/v1/chat /completions')],
    ['a chunk size that is no number', request(['Transfer-Encoding: chunked'], `zz\r\n${BODY}`)],
    ['a negative chunk size', request(['Transfer-Encoding: chunked'], `-1\r\n${BODY}`)],
    ['a huge chunk size', request(['Transfer-Encoding: chunked'], `fffffffffffffffff\r\n${BODY}`)],
    [
      'a chunk that is too long',
      request(['Transfer-Encoding: chunked'], `2\r\n${BODY}\r\n0\r\n\r\n`),
    ],
    ['an unknown method', request([LENGTH], BODY).replace('POST', 'SMUGGLE')],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['a TLS greeting', Buffer.from('160301020001000001fc0303', 'hex')],
  ])('%s', async (_what, bytes) => {
    const { proxy, upstream } = await aProxy(store);

    const answer = await sendRaw(proxy.port, bytes);

    expect(answer).toMatchObject({ status: 400, closed: true });
    expect(bodiesOf(answer)).toHaveLength(1);
    expect(bodiesOf(answer)[0]).toMatchObject(ERROR);
    expect(upstream.seen).toHaveLength(0);
    await expectUnharmed(proxy);
  });

  it('a second request that hides behind a complete one', async () => {
    const { proxy, upstream } = await aProxy(store);

    const answer = await sendRaw(
      proxy.port,
      request([LENGTH], `${BODY}SMUGGLED / HTTP/1.1\r\n\r\n`),
    );

    expect(answer.closed).toBe(true);
    expect(upstream.seen.length).toBeLessThanOrEqual(1);
    await expectUnharmed(proxy);
  });
});

describe('what is plain HTTP but not for us', () => {
  it.each([
    ['no Host', request([LENGTH], BODY).replace('Host: x\r\n', ''), 400],
    ['an expectation that nobody meets', request(['Expect: 200-ok', LENGTH], BODY), 400],
    ['a tunnel', 'CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n', 405],
    ['headers of 32 KiB', request([`X-A: ${'a'.repeat(32_768)}`, LENGTH], BODY), 431],
    ['another server’s URL', request([LENGTH], BODY, 'http://evil/v1/chat/completions'), 400],
    ['a compressed body', request(['Content-Encoding: gzip', LENGTH], BODY), 415],
  ])('is refused: %s', async (_what, bytes, status) => {
    const { proxy, upstream } = await aProxy(store);

    const answer = await sendRaw(proxy.port, bytes);

    expect(answer.status).toBe(status);
    expect(bodiesOf(answer)[0]).toMatchObject(ERROR);
    expect(upstream.seen).toHaveLength(0);
    await expectUnharmed(proxy);
  });

  it.each([
    '/v1/chat/%63ompletions',
    '/v1/%2e%2e/chat/completions',
    '/v1/../v1/chat/completions',
    '/v1/./chat/completions',
    '/v1//chat/completions',
    '//v1/chat/completions',
    '/v1/chat%2fcompletions',
    '/v1/chat/completions;x=1',
    '/v1/chat/completions%00',
    '/v1/chat/completions%0d%0aX-A:b',
    '/v1/chat\\completions',
    '/v1/chat/completions/../../admin',
    '/v1/models/%ff',
    '/V1/chat/completions',
  ])('is refused: the path %s', async (path) => {
    const { proxy, upstream } = await aProxy(store);

    const answer = await sendRaw(proxy.port, request([LENGTH], BODY, path));

    expect([400, 404, 405]).toContain(answer.status);
    expect(bodiesOf(answer)[0]).toMatchObject(ERROR);
    expect(upstream.seen).toHaveLength(0);
    await expectUnharmed(proxy);
  });

  it.each([
    ['Upgrade', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']],
    ['HTTP/2', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMA']],
    ['hop-by-hop names', ['Connection: authorization, content-type, x-request-id', 'TE: trailers']],
    [
      'a strange Host',
      ['X-Original-URL: /admin', 'X-Forwarded-Host: evil', 'Forwarded: host=evil'],
    ],
  ])('is served without it: %s', async (_what, headers) => {
    const { proxy, upstream } = await aProxy(store);

    const answer = await sendRaw(proxy.port, request([...headers, LENGTH], BODY));

    expect(answer.status).toBe(200);
    const seen = JSON.stringify(upstream.seen[0]?.headers);
    expect(seen).not.toMatch(/upgrade|websocket|http2|trailers|evil|admin/i);
    expect(upstream.seen[0]?.headers.authorization).toMatch(/^Bearer upstream-/);
    await expectUnharmed(proxy);
  });

  it('is served at the configured upstream, whatever Host says', async () => {
    const { proxy, upstream } = await aProxy(store);
    const bytes = request([LENGTH], BODY).replace('Host: x', 'Host: a/#@b');

    const answer = await sendRaw(proxy.port, bytes);

    expect([200, 400]).toContain(answer.status);
    for (const { headers } of upstream.seen) expect(headers.host).toBe(new URL(upstream.url).host);
    await expectUnharmed(proxy);
  });
});

describe('a slow client is cut before it takes a slot', () => {
  it.each([
    ['headers', 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-A', 'b'],
    ['body', request(['Content-Length: 1000'], '{"model":"gpt-4",'), ' '],
  ])('that trickles its %s', async (_what, start, drip) => {
    const limits = { headersTimeoutMs: 300, bodyTimeoutMs: 600 };
    const { proxy, upstream } = await aProxy(store, undefined, { server: limits });
    const socket = await openRaw(proxy.port);
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk)));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);

    socket.write(start);
    const dripping = setInterval(() => socket.write(drip), 50);
    await closed;
    clearInterval(dripping);

    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(text).toContain('"request_timeout"');
    expect(upstream.seen).toHaveLength(0);
    await expectUnharmed(proxy);
  });
});
