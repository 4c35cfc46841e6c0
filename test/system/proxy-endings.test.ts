// How an upstream can end a request: what the client gets, and that the slot comes back.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startGateway } from '../support/gateway.ts';
import { EVENT, aProxy, errorOf, expectSlotBack, post, streamOf } from '../support/proxy.ts';
import { useRedis } from '../support/redis.ts';
import { ANSWER, startUpstream } from '../support/upstream.ts';

const store = useRedis();

const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\n';

describe('a slot comes back', () => {
  it('when the upstream answers, and is held exactly until then', async () => {
    let answer = (): void => undefined;
    const { proxy, upstream } = await aProxy(store, (_seen, res) => {
      answer = () => res.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
    });

    const pending = post(proxy);
    await eventually(() => expect(upstream.seen).toHaveLength(1));
    const heldMeanwhile = await proxy.inFlight();
    answer();
    const response = await pending;

    expect(response.status).toBe(200);
    expect(await response.text()).toBe(ANSWER);
    expect(heldMeanwhile).toBe(1);
    await expectSlotBack(proxy, 'success');
    expect(proxy.finished[0]).toMatchObject({
      status: 200,
      reason: undefined,
      route: 'gpt-4',
      usage: { inputTokens: 3, outputTokens: 2 },
    });
  });

  it('when a stream has gone through, whose usage was read on the way', async () => {
    const { proxy } = await aProxy(store, (_seen, res) => {
      streamOf(EVENT, EVENT, USAGE)(_seen, res, res.socket!);
      res.end('data: [DONE]\n\n');
    });

    const response = await post(proxy);
    const text = await response.text();

    expect(text).toBe(`${EVENT}${EVENT}${USAGE}data: [DONE]\n\n`);
    await expectSlotBack(proxy, 'success');
    expect(proxy.finished[0]).toMatchObject({
      stream: true,
      usage: { inputTokens: 7, outputTokens: 9 },
    });
  });

  it.each([
    [400, 'ignored'],
    [401, 'unusable'],
    [404, 'ignored'],
    [422, 'ignored'],
    [429, 'rate_limited'],
    [500, 'failed'],
    [503, 'overloaded'],
    [529, 'overloaded'],
  ])(
    'when the upstream answers %i, which is passed on and counted as %s',
    async (status, outcome) => {
      const body = '{"error":{"message":"the upstream says so"}}';
      const { proxy } = await aProxy(store, (_seen, res) => {
        res.writeHead(status, { 'content-type': 'application/json', 'retry-after': '7' }).end(body);
      });

      const response = await post(proxy);

      expect(response.status).toBe(status);
      expect(await response.text()).toBe(body);
      expect(response.headers.get('retry-after')).toBe('7');
      expect(response.headers.get('x-slotkeeper-origin')).toBe('upstream');
      await expectSlotBack(proxy, outcome);
    },
  );

  it('when nobody listens at the upstream', async () => {
    const proxy = await startGateway(store, { upstream: 'http://127.0.0.1:9' });

    const response = await post(proxy);

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({
      code: 'upstream_unreachable',
      origin: 'upstream',
    });
    await expectSlotBack(proxy, 'overloaded');
  });

  it('when the upstream resets before its head', async () => {
    const { proxy } = await aProxy(store, (_seen, _res, socket) => socket.resetAndDestroy());

    const response = await post(proxy);

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({ code: 'upstream_unreachable' });
    await expectSlotBack(proxy, 'overloaded');
  });

  it('when the upstream resets after its head, before its body, which can still be told', async () => {
    const { proxy } = await aProxy(store, (_seen, res, socket) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
      res.flushHeaders();
      setTimeout(() => socket.resetAndDestroy(), 50);
    });

    const response = await post(proxy);

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({ code: 'upstream_unreachable' });
    await expectSlotBack(proxy, 'overloaded');
  });

  it('when the upstream resets in mid-body: the client cannot take a part for the whole', async () => {
    const { proxy } = await aProxy(store, (_seen, res, socket) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.write(ANSWER.slice(0, 50));
      setTimeout(() => socket.resetAndDestroy(), 50);
    });

    const response = await post(proxy);

    await expect(response.text()).rejects.toThrow();
    await expectSlotBack(proxy, 'overloaded');
    expect(proxy.finished[0]).toMatchObject({ status: 200, reason: 'upstream_unreachable' });
  });

  it('when the upstream resets in mid-stream, which ends with an error event', async () => {
    const { proxy } = await aProxy(store, (seen, res, socket) => {
      streamOf(EVENT)(seen, res, socket);
      setTimeout(() => socket.resetAndDestroy(), 50);
    });

    const response = await post(proxy);
    const text = await response.text();

    expect(text.startsWith(EVENT)).toBe(true);
    expect(text).toMatch(/\n\nevent: error\ndata: \{"error":\{.*"upstream_unreachable".*\}\}\n\n$/);
    await expectSlotBack(proxy, 'overloaded');
  });

  it('when the upstream does not speak HTTP', async () => {
    const { proxy } = await aProxy(store, (_seen, _res, socket) =>
      socket.end('hello there\r\n\r\n'),
    );

    const response = await post(proxy);

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({ code: 'upstream_protocol' });
    await expectSlotBack(proxy, 'failed');
  });

  it('when the upstream redirects, which is not followed', async () => {
    const elsewhere = await startUpstream();
    const { proxy } = await aProxy(store, (_seen, res) => {
      res.writeHead(307, { location: `${elsewhere.url}/v1/chat/completions` }).end();
    });

    const response = await post(proxy);

    expect(response.status).toBe(502);
    expect(await errorOf(response)).toMatchObject({ code: 'upstream_protocol' });
    expect(elsewhere.seen).toHaveLength(0);
    await expectSlotBack(proxy, 'failed');
  });
});
