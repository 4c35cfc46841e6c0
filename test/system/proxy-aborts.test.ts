// Clients that leave and daemons that stop: the upstream is let go, the slot comes back.
// @module-tag redis_required
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { EVENT, aProxy, errorOf, expectSlotBack, post, streamOf } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';
import { ANSWER } from '../support/upstream.ts';

const store = useRedis();

describe('a slot comes back when the client leaves', () => {
  it('while its slot is being taken', async () => {
    const { proxy, upstream } = await aProxy(store);
    const leaving = new AbortController();
    // The store answers no sooner than the client has left.
    const { scheduler } = proxy;
    const acquire = scheduler.tryAcquire.bind(scheduler);
    const closed = proxy.nextFinished();
    scheduler.tryAcquire = async (request) => {
      const { targets } = request;
      const result = await acquire({ targets });
      leaving.abort();
      await delay(100);
      return result;
    };

    await expect(post(proxy, { signal: leaving.signal })).rejects.toThrow();

    expect(await closed).toMatchObject({ status: 499, outcome: 'ignored', attempts: 0 });
    await expectSlotBack(proxy, 'ignored');
    expect(upstream.seen).toHaveLength(0);
  });

  it('before the first byte of its answer: the upstream is let go at once', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined);
    const leaving = new AbortController();
    const left = expect(post(proxy, { signal: leaving.signal })).rejects.toThrow();
    const aborted = upstream.nextAborted();
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    leaving.abort();
    await aborted;

    await left;
    await expectSlotBack(proxy, 'ignored');
    expect(proxy.finished[0]).toMatchObject({ status: 499, reason: 'client_closed' });
  });

  it('in mid-stream: the upstream is let go at once', async () => {
    const { proxy, upstream } = await aProxy(store, streamOf(EVENT));
    const leaving = new AbortController();
    const response = await post(proxy, { signal: leaving.signal });
    await response.body!.getReader().read();
    const aborted = upstream.nextAborted();

    leaving.abort();
    await aborted;

    await expectSlotBack(proxy, 'ignored');
    expect(proxy.finished[0]).toMatchObject({ status: 499, reason: 'client_closed' });
  });

  it('in mid-request, when none had been taken', async () => {
    const { proxy, upstream } = await aProxy(store);
    const leaving = new AbortController();
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"model":"gpt-4",')),
    });
    const init = { body, duplex: 'half', signal: leaving.signal } as const;
    const closed = proxy.nextFinished();
    const pending = post(proxy, init);
    await eventually(() => expect(proxy.gateway.running).toBe(1));

    leaving.abort();

    await expect(pending).rejects.toThrow();
    expect(await closed).toMatchObject({ status: 499, outcome: undefined, attempts: 0 });
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('a slot comes back when the daemon stops', () => {
  it('after the running answer, for which it waits', async () => {
    let finish = (): void => undefined;
    const { proxy, upstream } = await aProxy(store, (_seen, res) => {
      finish = () => res.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
    });
    const pending = post(proxy);
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    const drained = proxy.gateway.drain(60_000);
    const refused = await post(proxy);
    finish();
    await drained;

    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await errorOf(refused)).toMatchObject({ code: 'shutting_down', origin: 'gateway' });
    expect((await pending).status).toBe(200);
    await eventually(async () => expect(await proxy.inFlight()).toBe(0));
  });

  it('when the grace is over: unanswered requests get 503', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined);
    const pending = post(proxy);
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    await proxy.gateway.drain(50);
    const response = await pending;

    expect(response.status).toBe(503);
    expect(await errorOf(response)).toMatchObject({ code: 'shutting_down' });
    await expectSlotBack(proxy, 'ignored');
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('when the grace is over: streams end with an error event', async () => {
    const { proxy } = await aProxy(store, streamOf(EVENT));
    const response = await post(proxy);

    await proxy.gateway.drain(50);
    const text = await response.text();

    expect(text).toContain('event: error\ndata: {"error":');
    expect(text).toContain('"shutting_down"');
    await expectSlotBack(proxy, 'ignored');
  });
});
