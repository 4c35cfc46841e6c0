// A request that finds every slot taken waits for one: what its client sees, and that its place is
// given up when it leaves.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { EVENT, aProxy, errorOf, post, streamOf } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS } from '../support/schedulers.ts';
import type { Script } from '../support/upstream.ts';

const store = useRedis();
const ONE_SLOT = { slots: 1, waitMs: 20_000 };
const STREAMED = JSON.stringify({ model: 'gpt-4', messages: [], stream: true });

describe('a request that finds every slot taken', () => {
  it('waits for one, and is told for how long', async () => {
    const { proxy } = await aProxy(store, undefined, ONE_SLOT);
    const lease = await proxy.scheduler.acquire({ targets: TARGETS });
    const answer = post(proxy);
    await eventually(() => expect(proxy.scheduler.waiting()).toBe(1));

    await lease.release();
    const response = await answer;

    expect(response.status).toBe(200);
    expect(Number(response.headers.get('x-slotkeeper-queue-ms'))).toBeGreaterThan(0);
    await response.text();
  });

  it('is refused after the time that it gives itself, with the rule and when to come again', async () => {
    const { proxy } = await aProxy(store, undefined, ONE_SLOT);
    await proxy.scheduler.acquire({ targets: TARGETS });

    const response = await post(proxy, { headers: { 'x-slotkeeper-wait-ms': '50' } });

    expect(response.status).toBe(429);
    expect(await errorOf(response)).toMatchObject({ code: 'queue_timeout', rule: 'queue_timeout' });
    expect(response.headers.get('retry-after-ms')).not.toBeNull();
  });

  it('is refused at once where it may not wait', async () => {
    const { proxy } = await aProxy(store, undefined, ONE_SLOT);
    await proxy.scheduler.acquire({ targets: TARGETS });

    const response = await post(proxy, { headers: { 'x-slotkeeper-wait-ms': '0' } });

    expect(await errorOf(response)).toMatchObject({ code: 'pool_full' });
  });

  it('gives its place up when its client leaves', async () => {
    const { proxy, upstream } = await aProxy(store, undefined, ONE_SLOT);
    const lease = await proxy.scheduler.acquire({ targets: TARGETS });
    const leaving = new AbortController();
    const left = expect(post(proxy, { signal: leaving.signal })).rejects.toThrow();
    await eventually(() => expect(proxy.scheduler.waiting()).toBe(1));

    leaving.abort();
    await left;
    await eventually(() => expect(proxy.scheduler.waiting()).toBe(0));
    await lease.release();

    await eventually(async () => expect(await proxy.inFlight()).toBe(0));
    expect(upstream.seen).toHaveLength(0);
    expect(proxy.finished[0]).toMatchObject({ status: 499, reason: 'client_closed' });
  });

  it.each([
    ['x-slotkeeper-wait-ms', '-1'],
    ['x-slotkeeper-wait-ms', '1e9'],
    ['x-slotkeeper-priority', '10'],
    ['x-slotkeeper-priority', 'urgent'],
  ])('is a mistake with %s: %s', async (name, value) => {
    const { proxy } = await aProxy(store);

    const response = await post(proxy, { headers: { [name]: value } });

    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ code: 'invalid_params', param: name });
  });
});

describe('a stream that waits for its slot', () => {
  const kept = { ...ONE_SLOT, waitKeepAliveMs: 20 };

  it('hears comments, and then the answer', async () => {
    const { proxy } = await aProxy(store, streamOf(EVENT), kept);
    const lease = await proxy.scheduler.acquire({ targets: TARGETS });
    const response = await post(proxy, { body: STREAMED });
    const reader = response.body!.getReader();
    const first = Buffer.from((await reader.read()).value).toString();

    await lease.release();
    let rest = '';
    while (!rest.includes('data:')) rest += Buffer.from((await reader.read()).value).toString();
    await reader.cancel();

    expect(first).toContain(': waiting for a slot');
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(rest).toContain(EVENT.trim());
  });

  it('hears of a refusal as an event', async () => {
    const { proxy } = await aProxy(store, streamOf(EVENT), { ...kept, waitMs: 100 });
    await proxy.scheduler.acquire({ targets: TARGETS });

    const response = await post(proxy, { body: STREAMED });
    const text = await response.text();

    expect(response.status).toBe(200);
    expect(text).toContain('event: error');
    expect(text).toContain('queue_timeout');
  });

  it('hears of an upstream that refuses as an event', async () => {
    const refusal: Script = (_seen, res) => {
      res.writeHead(500);
      res.end();
    };
    const { proxy } = await aProxy(store, refusal, kept);
    const lease = await proxy.scheduler.acquire({ targets: TARGETS });
    const response = await post(proxy, { body: STREAMED });
    const text = response.text();
    await eventually(() => expect(proxy.scheduler.waiting()).toBe(1));

    await lease.release();

    expect(await text).toContain('upstream_protocol');
    await eventually(async () => expect(await proxy.inFlight()).toBe(0));
  });
});
