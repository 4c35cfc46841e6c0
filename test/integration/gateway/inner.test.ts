// Requests from inside of the daemon: they are served as any other, by the same slots and limits, and
// whatever ends them gives their slot back.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../../src/redis/keys.ts';
import { eventually } from '../../support/eventually.ts';
import { answering, FAILING_UPSTREAMS } from '../../support/failing-upstreams.ts';
import { ask } from '../../support/inner.ts';
import { aProxy, expectSlotBack, post } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aSickPool } from '../../support/sick-pool.ts';
import { ANSWER, answerWell, startUpstream } from '../../support/upstream.ts';

const store = useRedis();

describe('a request from inside', () => {
  it('gets the answer of its upstream, and gives its slot back', async () => {
    const { proxy, upstream } = await aProxy(store);

    const end = await ask(proxy, { headers: { 'x-request-id': 'job-1' } });

    expect(end).toMatchObject({ kind: 'answered', status: 200, verdict: { outcome: 'success' } });
    expect(end.kind === 'answered' && String(end.body)).toBe(ANSWER);
    expect(end.kind === 'answered' && end.headers).toMatchObject({
      'content-type': 'application/json',
      'x-request-id': 'job-1',
      'x-slotkeeper-attempts': '1',
    });
    expect(upstream.seen[0]?.headers.authorization).toMatch(/^Bearer /);
    await expectSlotBack(proxy, 'success');
    expect(proxy.finished[0]).toMatchObject({ status: 200, path: 'chat', usage: {} });
  });

  it('gets an error of its upstream as it is, with the verdict on it', async () => {
    const { proxy } = await aProxy(store, answering(503, { 'retry-after': '7' }));

    const end = await ask(proxy);

    expect(end).toMatchObject({
      kind: 'answered',
      status: 503,
      verdict: { sign: '503', defer: true, retryAfterMs: 7000 },
    });
    await expectSlotBack(proxy, 'overloaded');
  });

  it('is told why it is refused, by the same limits as all requests', async () => {
    const file = { tenants: { default: { requestsPerMinute: 1 } } };
    const { proxy, upstream } = await aProxy(store, answerWell, { file });
    await ask(proxy);

    const end = await ask(proxy);

    expect(end).toMatchObject({ kind: 'refused', error: { code: 'tenant_rate' } });
    expect(upstream.seen).toHaveLength(1);
    expect(proxy.finished[1]).toMatchObject({ status: 429, reason: 'tenant_rate' });
  });

  it('is refused where its path or its body is none', async () => {
    const { proxy } = await aProxy(store);

    const ends = await Promise.all([
      ask(proxy, { path: '/chat/completions' }),
      ask(proxy, { path: '/v1/files' }),
      ask(proxy, { body: 'no JSON' }),
      ask(proxy, { body: '{"model":"unheard-of"}' }),
    ]);

    const codes = ends.map((end) => end.kind === 'refused' && end.error.code);
    expect(codes).toEqual([
      'path_not_found',
      'path_not_found',
      'invalid_request',
      'model_not_found',
    ]);
    expect(await proxy.inFlight()).toBe(0);
  });

  it('holds its lease by the id that it brings', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined);
    const leave = new AbortController();
    const end = ask(proxy, { leaseId: 'job.0', signal: leave.signal });
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    const held = await store.redis.hkeys(cellKeys(proxy.cell).requests);

    expect(held).toContain('default/job.0');
    leave.abort();
    await end;
  });

  it('lets a client go before it where both wait and it says so', async () => {
    const order: string[] = [];
    const { proxy, upstream } = await aProxy(
      store,
      (seen, res, socket) => {
        const { messages } = JSON.parse(String(seen.body)) as { messages: string };
        order.push(messages);
        if (messages !== 'first') answerWell(seen, res, socket);
        else setTimeout(() => answerWell(seen, res, socket), 300);
      },
      { slots: 1, waitMs: 5000 },
    );
    const bodyOf = (messages: string): string => JSON.stringify({ model: 'gpt-4', messages });
    const first = ask(proxy, { body: bodyOf('first') });
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    const inner = ask(proxy, { body: bodyOf('inner'), priority: 9 });
    await eventually(() => expect(proxy.scheduler.waiting()).toBe(1));
    const client = post(proxy, { body: bodyOf('client') });
    await Promise.all([first, inner, client]);

    expect(order).toEqual(['first', 'client', 'inner']);
  });
});

describe('the slot of a request from inside is given back', () => {
  it('when it is given up while its upstream works', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined);
    const leave = new AbortController();
    const end = ask(proxy, { signal: leave.signal });
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    leave.abort();

    expect(await end).toMatchObject({ kind: 'refused', error: { code: 'client_closed' } });
    await expectSlotBack(proxy, 'ignored');
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('when it is given up while it waits, or before it began', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined, { slots: 1, waitMs: 5000 });
    const holder = new AbortController();
    const held = ask(proxy, { signal: holder.signal });
    await eventually(() => expect(upstream.seen).toHaveLength(1));
    const waiter = new AbortController();
    const waiting = ask(proxy, { signal: waiter.signal });
    await eventually(() => expect(proxy.scheduler.waiting()).toBe(1));

    waiter.abort();
    const ends = await Promise.all([waiting, ask(proxy, { signal: AbortSignal.abort() })]);

    expect(ends).toMatchObject([{ error: { code: 'client_closed' } }, { kind: 'refused' }]);
    expect(proxy.scheduler.waiting()).toBe(0);
    holder.abort();
    await held;
    await eventually(async () => expect(await proxy.inFlight()).toBe(0));
  });

  it('when its answer is larger than what can be kept', async () => {
    const { proxy, upstream } = await aProxy(store, (_seen, res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.write(`{"a":"${'x'.repeat(5000)}`);
    });

    const end = await ask(proxy, { maxAnswerBytes: 4096 });

    expect(end).toMatchObject({ kind: 'refused', error: { code: 'answer_too_large' } });
    await expectSlotBack(proxy, 'ignored');
    await eventually(() => expect(upstream.open).toBe(0));
  });

  it('when an error that was held back is larger than what can be kept', async () => {
    const { proxy } = await aProxy(store, answering(400, {}, { more: 'x'.repeat(5000) }));

    const end = await ask(proxy, { maxAnswerBytes: 4096 });

    expect(end).toMatchObject({ kind: 'refused', error: { code: 'answer_too_large' } });
    await expectSlotBack(proxy, 'ignored');
  });

  it('when the daemon stops', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined);
    const end = ask(proxy);
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    await proxy.gateway.drain(0);

    expect(await end).toMatchObject({ kind: 'refused', error: { code: 'shutting_down' } });
    await expectSlotBack(proxy, 'ignored');
  });
});

describe('an answer that nobody has seen', () => {
  it('is taken back where it was cut, and another account answers from the beginning', async () => {
    const well = await startUpstream();
    const sick = await FAILING_UPSTREAMS['closes within its body']();
    const proxy = await aSickPool(store, { sick, well: well.url });

    const end = await ask(proxy);

    expect(end.kind === 'answered' && String(end.body)).toBe(ANSWER);
    expect(proxy.finished[0]).toMatchObject({ attempts: 2, account: 'well' });
  });
});
