// How one try of a deferred job ends: by what its tenant may do now, by its upstream, by our own limits;
// and what it holds meanwhile.
// @module-tag redis_required
import { describe, expect, it } from 'vitest';
import type { JobRun } from '../../../src/deferral/job.ts';
import { createRunJob } from '../../../src/gateway/deferred.ts';
import { cellKeys } from '../../../src/redis/keys.ts';
import { eventually } from '../../support/eventually.ts';
import { answering } from '../../support/failing-upstreams.ts';
import type { TestGateway } from '../../support/gateway.ts';
import { innerOf } from '../../support/inner.ts';
import { aProxy } from '../../support/proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { answerWell } from '../../support/upstream.ts';

const store = useRedis();
const ON = { deferral: { enabled: true } };

describe('a job', () => {
  const job = {
    ...{ id: 'dfr_1', stage: 'summarize', slot: 'gpt-4', deferrals: 1, tries: 1 },
    ...{ submittedAtMs: 0, dueAtMs: 0, expiresAtMs: 1e15, reason: 'gpt-4_unavailable:Reset' },
    request: { path: '/v1/chat/completions', headers: {}, body: '{"model":"gpt-4"}' },
  };

  function run(
    proxy: TestGateway,
    over: Partial<typeof job> & { readonly tenant?: string } = {},
    signal = new AbortController().signal,
  ): Promise<JobRun> {
    const { gateway, config, tenants } = proxy;
    const { directory } = tenants;
    const deps = { serveInner: innerOf(proxy), directory, gateway, deferral: config.deferral };
    return createRunJob(deps)({ tenant: 'default', ...job, ...over }, signal);
  }

  it('of a tenant that is gone, or disabled, fails', async () => {
    const file = { ...ON, tenants: { 'team-a': { enabled: false } } };
    const { proxy, upstream } = await aProxy(store, answerWell, { file });

    const runs = [await run(proxy, { tenant: 'gone' }), await run(proxy, { tenant: 'team-a' })];

    expect(runs).toMatchObject([
      { kind: 'failed', code: 'tenant_not_found' },
      { kind: 'failed', code: 'forbidden' },
    ]);
    expect(upstream.seen).toHaveLength(0);
  });

  it('is run under its tenant’s limits', async () => {
    const file = { ...ON, tenants: { 'team-a': { requestsPerMinute: 1 } } };
    const { proxy } = await aProxy(store, answerWell, { file });

    const first = await run(proxy, { tenant: 'team-a' });
    const second = await run(proxy, { tenant: 'team-a', tries: 2 });

    expect(first.kind).toBe('answered');
    expect(second).toMatchObject({ kind: 'deferred', error: 'tenant_rate' });
    expect(second).toHaveProperty('retryAfterMs', expect.any(Number));
  });

  it('that was deferred for a slot is served by no other one, should its route leave', async () => {
    const targets = [{ pool: 'openai', model: 'gpt-4' }];
    const file = { ...ON, routes: { primary: { targets } } };
    const { proxy, upstream } = await aProxy(store, answerWell, { file });
    const request = { ...job.request, body: '{"model":"deep"}' };

    const left = await run(proxy, { request, slot: 'deep' });
    const seenSoFar = upstream.seen.length;
    const fresh = await run(proxy, { request, slot: 'primary', tries: 2 });

    expect(left).toMatchObject({ kind: 'deferred', error: 'NotConfigured' });
    expect(seenSoFar).toBe(0);
    expect(fresh.kind).toBe('answered');
  });

  it('holds a lease by its own id and try', async () => {
    const { proxy, upstream } = await aProxy(store, () => undefined, { file: ON });
    const leave = new AbortController();
    const end = run(proxy, { tries: 3 }, leave.signal);
    await eventually(() => expect(upstream.seen).toHaveLength(1));

    const held = await store.redis.hkeys(cellKeys(proxy.cell).requests);

    expect(held).toContain('default/dfr_1.3');
    leave.abort();
    expect(await end).toMatchObject({ kind: 'deferred', error: 'client_closed' });
    await eventually(async () => expect(await proxy.inFlight()).toBe(0));
  });

  it.each([
    [
      'a final error of its upstream',
      answering(400),
      { kind: 'answered', answer: { status: 400 } },
    ],
    ['a server error', answering(500), { kind: 'answered', answer: { status: 500 } }],
    [
      'a rate limit',
      answering(429, { 'retry-after': '60' }),
      { kind: 'deferred', error: 'Http429', retryAfterMs: 60_000 },
    ],
  ] as const)('ends by %s as its table says', async (_what, script, expected) => {
    const { proxy } = await aProxy(store, script, { file: ON });

    const end = await run(proxy);

    expect(end).toMatchObject(expected);
  });

  it('fails where its budget is spent, and where its answer is too large', async () => {
    const money = {
      budget: { global: { warn: 0.000001, stop: 0.000001 } },
      prices: { 'gpt-4': { input: 1000, output: 1000 }, 'gpt-4-0613': { input: 1, output: 1 } },
    };
    const spent = await aProxy(store, answerWell, { file: { ...ON, ...money } });
    const small = { deferral: { enabled: true, maxAnswerBytes: 256 } };
    const large = await aProxy(store, answering(400, {}, { more: 'x'.repeat(300) }), {
      file: small,
    });

    const runs = [await run(spent.proxy), await run(large.proxy)];

    expect(runs).toMatchObject([
      { kind: 'failed', code: 'budget_stop' },
      { kind: 'failed', code: 'answer_too_large' },
    ]);
  });
});
