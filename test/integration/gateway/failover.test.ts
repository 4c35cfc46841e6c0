// A request whose account fails before its client has seen anything is tried on another one: for every
// way in which a real upstream can fail.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import {
  answering,
  FAILING_UPSTREAMS,
  type FailingUpstream,
} from '../../support/failing-upstreams.ts';
import { EVENT, post, streamOf } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aSickPool, expectOver, failed } from '../../support/sick-pool.ts';
import { ANSWER, startUpstream } from '../../support/upstream.ts';

const store = useRedis();

const FAILURES: Readonly<Record<FailingUpstream, readonly [outcome: string, sign: string]>> = {
  refuses: ['overloaded', 'connect_refused'],
  'does not accept': ['overloaded', 'connect_timeout'],
  'never answers': ['overloaded', 'timeout'],
  'resets before its head': ['overloaded', 'reset'],
  'closes before its head': ['overloaded', 'reset'],
  'resets after its head': ['overloaded', 'reset'],
  'closes within its body': ['overloaded', 'reset'],
  'falls silent after its head': ['overloaded', 'timeout'],
  'does not speak HTTP': ['failed', 'protocol'],
  'answers HTML as JSON': ['failed', 'unparsable'],
};

describe('another account answers', () => {
  const beforeTheFirstByte = (
    Object.entries(FAILURES) as [FailingUpstream, [string, string]][]
  ).filter(([what]) => what !== 'closes within its body');

  it.each(beforeTheFirstByte)('where one %s', async (what, [outcome, sign]) => {
    const well = await startUpstream();
    const proxy = await aSickPool(store, {
      sick: await FAILING_UPSTREAMS[what](),
      well: well.url,
    });

    const response = await post(proxy);

    expect(response.status).toBe(200);
    expect(await response.text()).toBe(ANSWER);
    expect(response.headers.get('x-slotkeeper-attempts')).toBe('2');
    await expectOver(proxy, {
      account: 'well',
      attempts: 2,
      outcome: 'success',
      failed: [failed('sick', outcome, sign)],
    });
  });

  it.each([
    [401, {}, {}, 'unusable'],
    [402, {}, {}, 'unusable'],
    [403, {}, {}, 'unusable'],
    [429, { 'retry-after': '7' }, {}, 'rate_limited'],
    [429, { 'retry-after': 'Sat, 21 Nov 2099 12:00:00 GMT' }, {}, 'rate_limited'],
    [429, { 'retry-after-ms': '20' }, {}, 'rate_limited'],
    [429, { 'x-ratelimit-reset-requests': '1m30s' }, {}, 'rate_limited'],
    [429, { 'anthropic-ratelimit-tokens-reset': '2099-01-01T00:00:00Z' }, {}, 'rate_limited'],
    [429, {}, { message: 'Rate limit reached for gpt-4' }, 'rate_limited'],
    [500, {}, {}, 'failed'],
    [502, {}, {}, 'overloaded'],
    [503, { 'retry-after': '1' }, {}, 'overloaded'],
    [529, {}, {}, 'overloaded'],
  ] as const)('where one answers %i %j %j', async (status, headers, error, outcome) => {
    const sick = await startUpstream(answering(status, headers, error));
    const well = await startUpstream();
    const proxy = await aSickPool(store, { sick: sick.url, well: well.url });

    const response = await post(proxy);

    expect(response.status).toBe(200);
    expect(await response.text()).toBe(ANSWER);
    await expectOver(proxy, { failed: [failed('sick', outcome, `${status}`)] });
  });

  it('where one says that its quota is used up', async () => {
    const sick = await startUpstream(answering(429, {}, { code: 'insufficient_quota' }));
    const well = await startUpstream();
    const proxy = await aSickPool(store, { sick: sick.url, well: well.url });

    const response = await post(proxy);

    expect(response.status).toBe(200);
    await expectOver(proxy, { failed: [failed('sick', 'unusable', 'insufficient_quota')] });
  });

  it('with a whole stream, where one breaks off before its first event', async () => {
    const sick = await startUpstream((_seen, res, socket) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    const well = await startUpstream((seen, res, socket) => {
      streamOf(EVENT)(seen, res, socket);
      res.end('data: [DONE]\n\n');
    });
    const proxy = await aSickPool(store, { sick: sick.url, well: well.url });

    const response = await post(proxy);

    expect(await response.text()).toBe(`${EVENT}data: [DONE]\n\n`);
    await expectOver(proxy, { stream: true, failed: [failed('sick', 'overloaded', 'reset')] });
  });

  it('and is another one each time', async () => {
    const sick = await startUpstream(answering(500));
    const well = await startUpstream();
    const origins = { a: sick.url, b: sick.url, c: sick.url, well: well.url };
    const more = { failover: { maxAttempts: 4 } };
    const proxy = await aSickPool(store, origins, { more });

    const response = await post(proxy);

    expect(response.status).toBe(200);
    await expectOver(proxy, {
      attempts: 4,
      account: 'well',
      failed: ['a', 'b', 'c'].map((account) => failed(account, 'failed', '500')),
    });
  });

  it('of the next target, by its own name of the model, where a pool has no other', async () => {
    const sick = await startUpstream(answering(503));
    const well = await startUpstream();
    const routes = {
      deep: {
        targets: [
          { pool: 'openai', model: 'gpt-4' },
          { pool: 'next', model: 'large', defaults: { seed: 7 } },
        ],
      },
    };
    const proxy = await aSickPool(
      store,
      { sick: sick.url, 'next/well': well.url },
      { pool: { models: ['gpt-4', 'large'] }, more: { routes } },
    );

    const response = await post(proxy, { body: '{"model":"deep","messages":[]}' });

    expect(response.status).toBe(200);
    expect(sick.seen[0]?.body.toString()).toBe('{"model":"gpt-4","messages":[]}');
    expect(well.seen[0]?.body.toString()).toBe('{"seed":7,"model":"large","messages":[]}');
    await expectOver(proxy, { pool: 'next', account: 'well', attempts: 2 });
  });
});
