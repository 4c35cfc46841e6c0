// Where failover ends: the bounds of attempts and time, the client's first byte, and faults that no
// other account would cure. The client gets the last answer then.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { answering, FAILING_UPSTREAMS } from '../../support/failing-upstreams.ts';
import { EVENT, errorOf, post, streamOf } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aSickPool, expectOver } from '../../support/sick-pool.ts';
import { startUpstream } from '../../support/upstream.ts';

const store = useRedis();

describe('the client gets the last answer', () => {
  it('after as many attempts as there may be', async () => {
    const upstreams = await Promise.all(
      ['one', 'two', 'three'].map((message) => startUpstream(answering(500, {}, { message }))),
    );
    const [a, b, c] = upstreams.map(({ url }) => url) as [string, string, string];
    const proxy = await aSickPool(store, { a, b, c }, { more: { failover: { maxAttempts: 2 } } });

    const response = await post(proxy);

    expect(response.status).toBe(500);
    expect(await errorOf(response)).toMatchObject({ message: 'two' });
    expect(response.headers.get('x-slotkeeper-attempts')).toBe('2');
    expect(upstreams[2]?.seen).toHaveLength(0);
    await expectOver(proxy, { status: 500, outcome: 'failed', sign: '500', account: 'b' });
  });

  it('after as many attempts as its route allows', async () => {
    const sick = await startUpstream(answering(500));
    const targets = [{ pool: 'openai', model: 'gpt-4' }];
    const routes = { once: { targets, failover: { maxAttempts: 1 } } };
    const proxy = await aSickPool(store, { a: sick.url, b: sick.url }, { more: { routes } });

    const response = await post(proxy, { body: '{"model":"once"}' });

    expect(response.status).toBe(500);
    await expectOver(proxy, { attempts: 1 });
  });

  it('once the time for attempts is over', async () => {
    const slow = await startUpstream((seen, res, socket) => {
      setTimeout(() => answering(500)(seen, res, socket), 100);
    });
    const well = await startUpstream();
    const more = { failover: { totalMs: 50 } };
    const proxy = await aSickPool(store, { sick: slow.url, well: well.url }, { more });

    const response = await post(proxy);

    expect(response.status).toBe(500);
    await expectOver(proxy, { attempts: 1 });
    expect(well.seen).toHaveLength(0);
  });

  it('where every other account is full', async () => {
    const sick = await startUpstream(answering(503));
    const busy = await startUpstream(() => undefined);
    const origins = { sick: sick.url, busy: busy.url };
    const proxy = await aSickPool(store, origins, {
      slots: 1,
      timeouts: {},
      pool: { timeouts: {} },
    });
    const kept = post(proxy).catch(() => undefined);
    await eventually(() => expect(busy.seen).toHaveLength(1));

    const response = await post(proxy);

    expect(response.status).toBe(503);
    expect(response.headers.get('x-slotkeeper-deferrable')).toBe('true');
    expect(proxy.finished[0]).toMatchObject({
      attempts: 1,
      account: 'sick',
      outcome: 'overloaded',
    });
    await proxy.gateway.stop();
    await kept;
  });

  it('or the last error, where no upstream answers', async () => {
    const origin = await FAILING_UPSTREAMS.refuses();
    const proxy = await aSickPool(store, { a: origin, b: origin });

    const response = await post(proxy);

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({ code: 'upstream_unreachable' });
    expect(response.headers.get('x-slotkeeper-attempts')).toBe('2');
    expect(response.headers.get('x-slotkeeper-account')).toMatch(/^[0-9a-f]{12}$/);
    await expectOver(proxy, { sign: 'connect_refused' });
  });

  it('where the pool says that such a sign is for the client', async () => {
    const sick = await startUpstream(answering(429, { 'retry-after': '7' }));
    const well = await startUpstream();
    const origins = { sick: sick.url, well: well.url };
    const pool = { outcomes: { '429': { failover: false } } };
    const proxy = await aSickPool(store, origins, { pool });

    const response = await post(proxy);

    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('7');
    await expectOver(proxy, { attempts: 1, outcome: 'rate_limited' });
  });

  it('where an error is longer than any is kept back', async () => {
    const page = 'x'.repeat(300_000);
    const sick = await startUpstream((_seen, res) => void res.writeHead(500).end(page));
    const well = await startUpstream();
    const proxy = await aSickPool(store, { sick: sick.url, well: well.url });

    const response = await post(proxy);

    expect(response.status).toBe(500);
    expect(await response.text()).toBe(page);
    await expectOver(proxy, { attempts: 1, outcome: 'failed' });
  });
});

describe('nothing is tried again', () => {
  it.each([400, 404, 413, 422])('for a fault of the caller: %i', async (status) => {
    const strict = await startUpstream(answering(status));
    const well = await startUpstream();
    const proxy = await aSickPool(store, { strict: strict.url, well: well.url });

    const response = await post(proxy);

    expect(response.status).toBe(status);
    expect(await errorOf(response)).toMatchObject({ message: 'the upstream says so' });
    expect(response.headers.get('x-slotkeeper-deferrable')).toBeNull();
    await expectOver(proxy, { attempts: 1, outcome: 'ignored' });
  });

  it('after the first event of a stream', async () => {
    const sick = await startUpstream((seen, res, socket) => {
      streamOf(EVENT)(seen, res, socket);
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    const well = await startUpstream();
    const proxy = await aSickPool(store, { sick: sick.url, well: well.url });

    const response = await post(proxy);
    const text = await response.text();

    expect(text).toMatch(/^data: .*\n\n\n\nevent: error\n/);
    expect(well.seen).toHaveLength(0);
    await expectOver(proxy, { attempts: 1, outcome: 'overloaded', sign: 'reset' });
  });

  it('after the first byte of an answer', async () => {
    const well = await startUpstream();
    const proxy = await aSickPool(store, {
      sick: await FAILING_UPSTREAMS['closes within its body'](),
      well: well.url,
    });

    const response = await post(proxy);

    await expect(response.text()).rejects.toThrow();
    expect(well.seen).toHaveLength(0);
    await expectOver(proxy, { attempts: 1, sign: 'reset' });
  });

  it('for a client that has left', async () => {
    const silent = await startUpstream(() => undefined);
    const well = await startUpstream();
    const proxy = await aSickPool(store, { sick: silent.url, well: well.url });
    const leave = new AbortController();
    const pending = post(proxy, { signal: leave.signal }).catch(() => undefined);
    await eventually(() => expect(silent.seen).toHaveLength(1));

    leave.abort();
    await pending;

    await expectOver(proxy, { status: 499, attempts: 1, outcome: 'ignored' });
    expect(well.seen).toHaveLength(0);
  });
});
