// Who may call, on a real HTTP server: the key, its throttle and the origin of pages.
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import type { AppError } from '../../../src/core/errors.ts';
import { AttemptThrottle } from '../../../src/http/attempt-throttle.ts';
import { refuseOtherOrigins, requireApiKey } from '../../../src/http/auth.ts';
import { aDirectory } from '../../support/directory.ts';

const KEY = 'correct-horse-battery-staple';
const closers: (() => void)[] = [];

afterEach(() => closers.splice(0).forEach((close) => close()));

async function aGuardedServer({ apiKey, burst = 20 }: { apiKey?: string; burst?: number } = {}) {
  const throttle = new AttemptThrottle({ burst, refillMs: 60_000, maxAddresses: 10 });
  const app = express();
  const { directory } = aDirectory(apiKey === undefined ? {} : { server: { apiKey } });
  app.use(refuseOtherOrigins({ needsKey: () => directory.needsKey }));
  app.use(requireApiKey({ directory, throttle }), (_req, res) => void res.json({ ok: true }));
  // Express tells error handlers from others by their four parameters.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  const onError: ErrorRequestHandler = (error: AppError, _req, res, _next) => {
    res.status(400).json({ code: error.code, retryAfterMs: error.retryAfterMs });
  };
  app.use(onError);
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  closers.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return async (headers: Record<string, string>, method = 'POST'): Promise<string> => {
    const answer = await fetch(url, { method, headers });
    const body = (await answer.json()) as { ok?: boolean; code?: string };
    return body.ok === true ? 'passed' : (body.code ?? 'none');
  };
}

describe('the API key', () => {
  it.each([
    ['Authorization: Bearer', { authorization: `Bearer ${KEY}` }],
    ['a bearer in small letters', { authorization: `bearer ${KEY}` }],
    ['x-api-key', { 'x-api-key': KEY }],
  ])('passes as %s', async (_what, headers) => {
    const call = await aGuardedServer({ apiKey: KEY });

    const result = await call(headers);

    expect(result).toBe('passed');
  });

  it.each([
    ['no key', {}],
    ['a prefix of it', { authorization: `Bearer ${KEY.slice(0, -1)}` }],
    ['it and more', { authorization: `Bearer ${KEY}x` }],
    ['a key of the same length', { 'x-api-key': KEY.replace('c', 'd') }],
    ['a very long key', { 'x-api-key': 'x'.repeat(8000) }],
    ['an empty key', { 'x-api-key': '' }],
    ['another scheme', { authorization: `Basic ${KEY}` }],
    ['the bare key as Authorization', { authorization: KEY }],
    ['a wrong bearer beside the right x-api-key', { authorization: 'Bearer no', 'x-api-key': KEY }],
  ])('refuses %s with the same answer', async (_what, headers) => {
    const call = await aGuardedServer({ apiKey: KEY });

    const result = await call(headers);

    expect(result).toBe('unauthenticated');
  });

  it('lets everybody pass when none is configured', async () => {
    const call = await aGuardedServer();

    const result = await call({});

    expect(result).toBe('passed');
  });

  it('throttles wrong keys of one address, but never the right one', async () => {
    const call = await aGuardedServer({ apiKey: KEY, burst: 3 });

    const wrong: string[] = [];
    for (let i = 0; i < 5; i += 1) wrong.push(await call({ 'x-api-key': `guess-${i}` }));
    const right = await call({ 'x-api-key': KEY });

    expect(wrong).toEqual([
      'unauthenticated',
      'unauthenticated',
      'unauthenticated',
      'too_many_attempts',
      'too_many_attempts',
    ]);
    expect(right).toBe('passed');
  });
});

describe('the throttle', () => {
  const limits = { burst: 2, refillMs: 1000, maxAddresses: 3 };

  it('allows a burst, then one more each refill interval', () => {
    const throttle = new AttemptThrottle(limits);

    const waits = [0, 0, 0, 999, 1000, 1000].map((nowMs) => throttle.failed('10.0.0.1', nowMs));

    expect(waits).toEqual([0, 0, 1000, 1, 0, 1000]);
  });

  it('remembers a bounded number of addresses', () => {
    const throttle = new AttemptThrottle(limits);

    for (let i = 0; i < 1000; i += 1) throttle.failed(`10.0.${i >> 8}.${i & 255}`, 0);

    expect(throttle.size).toBe(3);
  });

  it('counts the addresses of one IPv6 network as one, and mapped IPv4 addresses apart', () => {
    const throttle = new AttemptThrottle({ ...limits, burst: 1 });

    const first = throttle.failed('2001:db8:1:2::1', 0);
    const neighbour = throttle.failed('2001:db8:1:2:ffff::9', 0);
    const elsewhere = throttle.failed('2001:db8:1:3::1', 0);
    const mapped = ['::ffff:10.0.0.1', '::ffff:10.0.0.2'].map((a) => throttle.failed(a, 0));

    expect([first, neighbour > 0, elsewhere, ...mapped]).toEqual([0, true, 0, 0, 0]);
  });
});

describe('requests that a page of another site makes', () => {
  it.each([
    ['another site', 'https://evil.example'],
    ['another port of this machine', 'http://127.0.0.1:1'],
    ['a sandboxed page', 'null'],
  ])('are refused when they write: %s', async (_what, origin) => {
    const call = await aGuardedServer();

    const result = await call({ origin });

    expect(result).toBe('forbidden');
  });

  it('are left to the browser when they only read', async () => {
    const call = await aGuardedServer();

    const result = await call({ origin: 'https://evil.example' }, 'GET');

    expect(result).toBe('passed');
  });
});
