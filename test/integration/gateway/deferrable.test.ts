// Which ends of a live request are deferred: every row of the table, on upstreams that refuse, time out,
// reset and cut, and every refusal of our own.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import {
  answering,
  FAILING_UPSTREAMS,
  type FailingUpstream,
} from '../../support/failing-upstreams.ts';
import type { TestGateway } from '../../support/gateway.ts';
import { aLot, HALF_AN_HOUR_MS, PARKING, type TestLot } from '../../support/parking.ts';
import { errorOf, post } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aSickPool, type SickPoolOptions } from '../../support/sick-pool.ts';
import { answerWell, startUpstream, type Script } from '../../support/upstream.ts';

const store = useRedis();

const DEFERRED = {
  headers: { 'content-type': 'application/json', 'x-slotkeeper-defer': 'summarize' },
};

interface Deferring {
  readonly proxy: TestGateway;
  readonly lot: TestLot;
}

async function deferring(origin: string, options: SickPoolOptions = {}): Promise<Deferring> {
  const proxy = await aSickPool(
    store,
    { a1: origin },
    { ...options, more: { ...PARKING, ...options.more } },
  );
  const lot = aLot();
  proxy.gateway.parkAt(lot);
  return { proxy, lot };
}

async function scripted(script: Script, options: SickPoolOptions = {}): Promise<Deferring> {
  return deferring((await startUpstream(script)).url, options);
}

async function expectParked({ proxy, lot }: Deferring, error: string): Promise<void> {
  const response = await post(proxy, DEFERRED);

  const reason = `gpt-4_unavailable:${error}`;
  expect(await response.json()).toMatchObject({ object: 'deferred', status: 'deferred', reason });
  expect(response.status).toBe(202);
  expect(lot.jobs).toMatchObject([{ reason, slot: 'gpt-4', delayMs: HALF_AN_HOUR_MS }]);
}

async function expectUnchanged(one: Deferring): Promise<Response> {
  const plain = await post(one.proxy);

  const response = await post(one.proxy, DEFERRED);

  expect(response.status).toBe(plain.status);
  expect(await response.text()).toBe(await plain.text());
  expect(one.lot.jobs).toEqual([]);
  return response;
}

describe('an upstream that', () => {
  const parked: readonly (readonly [FailingUpstream, string])[] = [
    ['refuses', 'ConnectRefused'],
    ['does not accept', 'ConnectTimeout'],
    ['never answers', 'Timeout'],
    ['resets before its head', 'Reset'],
    ['closes before its head', 'Reset'],
    ['resets after its head', 'Reset'],
    ['closes within its body', 'Reset'],
    ['falls silent after its head', 'Timeout'],
  ];

  it.each(parked)('%s has its request deferred as %s', async (failing, error) => {
    const origin = await FAILING_UPSTREAMS[failing]();

    await expectParked(await deferring(origin), error);
  });

  it.each(['does not speak HTTP', 'answers HTML as JSON'] as const)(
    '%s has not',
    async (failing) => {
      const origin = await FAILING_UPSTREAMS[failing]();

      await expectUnchanged(await deferring(origin));
    },
  );

  it.each([408, 429, 502, 503, 504, 520, 521, 522, 523, 524, 529])(
    'answers %i has its request deferred',
    async (status) => {
      await expectParked(await scripted(answering(status)), `Http${status}`);
    },
  );

  it.each([400, 401, 402, 403, 404, 413, 422, 500, 501])('answers %i has not', async (status) => {
    const upstream = await scripted(answering(status), { pool: { breaker: { enabled: false } } });

    const response = await post(upstream.proxy, DEFERRED);

    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message: 'the upstream says so' } });
    expect(upstream.lot.jobs).toEqual([]);
  });

  it('has no quota left has not', async () => {
    const upstream = await scripted(answering(429, {}, { code: 'insufficient_quota' }));

    const response = await post(upstream.proxy, DEFERRED);

    expect(response.status).toBe(429);
    expect(upstream.lot.jobs).toEqual([]);
  });

  it('answers well has not, and its answer is the same', async () => {
    const response = await expectUnchanged(await scripted(answerWell));

    expect(response.headers.get('x-slotkeeper-attempts')).toBe('1');
  });

  it.each([429, 529])('answers %i is asked again after the time that it names', async (status) => {
    const { proxy, lot } = await scripted(answering(status, { 'retry-after': '90' }));

    const response = await post(proxy, DEFERRED);

    expect(response.headers.get('retry-after')).toBe('90');
    expect(await response.json()).toMatchObject({ retry_after_minutes: 2 });
    expect(lot.jobs).toMatchObject([{ delayMs: 90_000 }]);
  });

  it('is deferred by its pool’s own table is deferred, and what is not is not', async () => {
    const pool = { outcomes: { '500': { defer: true }, '503': { defer: false } } };
    const sick = await scripted(answering(500), { pool });
    const busy = await scripted(answering(503), { pool });

    await expectParked(sick, 'Http500');
    const response = await post(busy.proxy, DEFERRED);

    expect(response.status).toBe(503);
    expect(busy.lot.jobs).toEqual([]);
  });
});

describe('a refusal of our own', () => {
  const hold: Script = () => undefined;

  async function full(options: SickPoolOptions = {}): Promise<Deferring> {
    const upstream = await startUpstream(hold);
    const one = await deferring(upstream.url, {
      slots: 1,
      pool: { timeouts: {} },
      ...options,
    });
    post(one.proxy).catch(() => undefined);
    await eventually(() => expect(upstream.seen).toHaveLength(1));
    return one;
  }

  it('for want of a slot is deferred', async () => {
    await expectParked(await full(), 'pool_full');
  });

  it('after waiting for one is deferred', async () => {
    await expectParked(await full({ waitMs: 100 }), 'queue_timeout');
  });

  it('for its tenant’s slots is deferred', async () => {
    const more = { tenants: { default: { maxConcurrency: 1 } } };

    await expectParked(await full({ slots: 2, more }), 'tenant_concurrency');
  });

  it('for its tenant’s rate is deferred', async () => {
    const more = { tenants: { default: { requestsPerMinute: 1 } } };
    const one = await scripted(answerWell, { more });
    await post(one.proxy);

    await expectParked(one, 'tenant_rate');
  });

  it('for a size that its tenant’s rate never allows is not', async () => {
    const more = { tenants: { default: { tokensPerMinute: 1 } } };
    const one = await scripted(answerWell, { more });

    const response = await expectUnchanged(one);

    expect(response.status).toBe(429);
  });

  it('by a breaker is deferred', async () => {
    const breaker = { consecutiveFailures: 1, openMs: 60_000 };
    const one = await scripted(answering(503), { pool: { breaker } });
    await eventually(async () => {
      expect(await (await post(one.proxy)).text()).toContain('breaker_open');
    });

    await expectParked(one, 'breaker_open');
  });

  it('while no account is there is deferred', async () => {
    const pools = {
      openai: {
        models: ['gpt-4'],
        baseUrl: 'http://127.0.0.1:1/v1',
        accounts: [{ name: 'a1', maxConcurrency: 1, enabled: false }],
      },
    };

    await expectParked(await scripted(answerWell, { more: { pools } }), 'no_account_for_model');
  });

  it('by a budget is not', async () => {
    const more = {
      budget: { global: { warn: 0.000001, stop: 0.000001 } },
      prices: { 'gpt-4': { input: 1000, output: 1000 } },
    };
    const one = await scripted(answerWell, { more });

    const response = await post(one.proxy, DEFERRED);

    expect(await errorOf(response)).toMatchObject({ code: 'insufficient_quota' });
    expect(one.lot.jobs).toEqual([]);
  });

  it('of what its caller did wrong is not', async () => {
    const one = await scripted(answerWell);

    const response = await post(one.proxy, { ...DEFERRED, body: '{"model":"unheard-of"}' });

    expect(response.status).toBe(404);
    expect(one.lot.jobs).toEqual([]);
  });
});
