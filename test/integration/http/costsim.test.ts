// @module-tag redis_required
// The breaker of `v2` as operators see it: over HTTP, in health, in metrics, in the log.
import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN } from '../../support/admin-api.ts';
import { someRecords, TestCostsim } from '../../support/costsim.ts';
import { eventually } from '../../support/eventually.ts';
import { startLive, type LiveDaemon } from '../../support/live-daemon.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const AUTH = { authorization: `Bearer ${ADMIN_TOKEN}` };

const breakerOf = (daemon: LiveDaemon, method: string, body?: unknown, query = '') =>
  daemon.call(method, `/costsim/breaker${query}`, body, AUTH);

describe('/costsim/breaker', () => {
  it('takes v2 out of service and puts it back, and says who, when and why', async () => {
    const daemon = await startLive(store);
    const change = { action: 'disable', reason: 'a look at it', by: 'ann' };

    const disabled = await breakerOf(daemon, 'POST', change);
    const enabled = await breakerOf(daemon, 'POST', { action: 'enable', reason: 'looked' });
    const { status, body } = await breakerOf(daemon, 'GET');

    expect([disabled.status, enabled.status, status]).toEqual([200, 200, 200]);
    expect(disabled.body).toMatchObject({
      breaker: { state: 'open', cause: 'hand', by: 'ann', why: 'a look at it' },
      history: [{ kind: 'disabled', by: 'ann' }],
    });
    expect(body).toMatchObject({
      breaker: { state: 'closed' },
      records: 0,
      drift: [],
      history: [
        { kind: 'enabled', by: 'admin', why: 'looked' },
        { kind: 'disabled', by: 'ann', why: 'a look at it' },
      ],
    });
    expect(daemon.logged()).toContain('the estimator v2 was taken out of service');
  });

  it('tells of no more history than is asked for', async () => {
    const daemon = await startLive(store);
    await breakerOf(daemon, 'POST', { action: 'disable', reason: 'x' });

    const { body } = await breakerOf(daemon, 'GET', undefined, '?history=0');

    expect(body['history']).toEqual([]);
  });

  it.each([
    [{ action: 'close', reason: 'x' }],
    [{ action: 'enable' }],
    [{ action: 'enable', reason: '' }],
    [{ action: 'enable', reason: 'two\nlines' }],
    [{ action: 'enable', reason: 'x'.repeat(501) }],
    [{ action: 'enable', reason: 'x', cell: 'other' }],
  ])('refuses %j', async (wish) => {
    const daemon = await startLive(store);

    const { status, body } = await breakerOf(daemon, 'POST', wish);

    expect([status, body.error?.['code']]).toEqual([400, 'invalid_params']);
  });

  it('is the admin’s alone', async () => {
    const daemon = await startLive(store);

    const nobody = await daemon.call('GET', '/costsim/breaker');
    const wrong = await daemon.call('POST', '/costsim/breaker', {}, { authorization: 'Bearer x' });

    expect([nobody.status, wrong.status]).toEqual([401, 401]);
  });
});

describe('the state of the breaker', () => {
  it('is in the details of health and readiness, under both names of health', async () => {
    const daemon = await startLive(store);
    await breakerOf(daemon, 'POST', { action: 'disable', reason: 'x' });

    await eventually(async () => {
      for (const path of ['/healthz', '/health', '/readyz']) {
        const { status, body } = await daemon.call('GET', path);
        expect(status).toBe(200);
        expect(body['costsim']).toEqual({ breaker: 'open', v2: 'disabled' });
      }
    });
  });

  it('is unknown, and the cell is left alone, where nobody has asked for it', async () => {
    const daemon = await startLive(store);

    await daemon.metrics();
    const { body } = await daemon.call('GET', '/readyz');

    expect(body['costsim']).toEqual({ breaker: 'missing', v2: 'enabled' });
    expect(await store.redis.exists(`slotkeeper:{${daemon.cell}}:costsim`)).toBe(0);
  });
});

describe('the metrics', () => {
  it('tell state, drift and changes, under the names that dashboards know', async () => {
    const daemon = await startLive(store, {
      first: (file) => (file['costsim'] = { drift: { minSamples: 10 } }),
    });
    const recorder = new TestCostsim(store.redis, { cell: daemon.cell });
    await recorder.observe(someRecords(9, { drift: 0.5 }));
    await breakerOf(daemon, 'POST', { action: 'disable', reason: 'x' });
    await daemon.call('GET', '/readyz');

    const text = await daemon.metrics();

    expect(text).toContain('costsim_cb_state 1');
    expect(text).toContain('costsim_cb_disabled_total 1');
    expect(text).toContain('costsim_cb_enabled_total 0');
    expect(text).toContain('costsim_cb_auto_recovery_total 0');
    expect(text).toContain('costsim_cb_incidents_total 0');
    expect(text).toContain('costsim_cb_consecutive_failures 0');
    const all = 'estimator="v2",against="actual",model="all"';
    const p95 = new RegExp(`costsim_drift_ratio{${all},quantile="0.95"} (.*)`).exec(text)?.[1];
    expect(Number(p95)).toBeGreaterThan(0.48);
    expect(Number(p95)).toBeLessThan(0.52);
    expect(text).toContain(`costsim_drift_samples{${all}} 9`);
    expect(text).toContain('costsim_provenance_records 9');
  });
});

describe('a changed configuration', () => {
  it('is what the next call judges by', async () => {
    const daemon = await startLive(store);

    daemon.file['costsim'] = { breaker: { maxLogged: 1 } };
    const { changes } = await daemon.reloaded();
    await breakerOf(daemon, 'POST', { action: 'disable', reason: 'x' });
    await breakerOf(daemon, 'POST', { action: 'enable', reason: 'x' });

    const { body } = await breakerOf(daemon, 'GET');
    expect(changes).toEqual(['costsim.breaker.maxLogged']);
    expect(body['history']).toHaveLength(1);
  });
});
