// The store against the proxy: a lease that is lost under a request, a release that fails.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { eventually } from '../support/eventually.ts';
import { type TestGateway } from '../support/gateway.ts';
import { EVENT, aProxy, errorOf, post, streamOf } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';
import { ANSWER } from '../support/upstream.ts';

const store = useRedis();

describe('a lease that is lost', () => {
  it('cuts the upstream, and an unanswered client is told to come again', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined, { leaseMs: 600 });
    const pending = post(proxy);
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    await loseLeases(proxy);
    const response = await pending;

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after-ms')).toMatch(/^\d+$/);
    expect(await errorOf(response)).toMatchObject({ code: 'lease_lost' });
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('ends a stream with an error event', async () => {
    const { proxy, upstream } = await aProxy(store, streamOf(EVENT), { leaseMs: 600 });
    const response = await post(proxy);

    await loseLeases(proxy);
    const text = await response.text();

    expect(text).toContain('"lease_lost"');
    await eventually(() => expect(upstream.open).toBe(0));
  });

  /**
   * What an operator may do to requests that hang: end them behind the daemon's back. The heart hears
   * of what others write by the cell's sequence.
   */
  async function loseLeases({ cell }: TestGateway): Promise<void> {
    const { requests, cell: facts } = cellKeys(cell);
    const ids = (await store.redis.hkeys(requests)).filter((id) => id !== '_');
    expect(await store.redis.hdel(requests, ...ids)).toBe(1);
    await store.redis.hincrby(facts, 'sequence', 1);
  }
});

describe('a release that the store does not take', () => {
  it('leaves the answer as it is and is told', async () => {
    const { proxy } = await aProxy(store);
    const { scheduler } = proxy;
    const acquire = scheduler.tryAcquire.bind(scheduler);
    scheduler.tryAcquire = async (request) => {
      const result = await acquire(request);
      if (result.kind === 'granted') {
        result.lease.release = () => Promise.reject(new Error('the store is gone'));
      }
      return result;
    };
    const failures: unknown[] = [];
    proxy.gateway.events.on('releaseFailed', (event) => failures.push(event));

    const response = await post(proxy, { headers: { 'x-request-id': 'mine-1' } });

    expect(response.status).toBe(200);
    expect(await response.text()).toBe(ANSWER);
    await eventually(() => {
      expect(failures).toMatchObject([{ requestId: 'mine-1', account: 'a1' }]);
    });
  });
});
