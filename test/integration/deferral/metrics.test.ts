// @module-tag redis_required
// What deferral tells Prometheus, after real jobs on a real store.
import { describe, expect, it } from 'vitest';
import { deferralSchema } from '../../../src/config/deferral-schema.ts';
import type { JobRun } from '../../../src/deferral/job.ts';
import {
  collectDeferral,
  observeDeferral,
  reasonClass,
} from '../../../src/http/deferral-telemetry.ts';
import { createMetrics } from '../../../src/metrics/registry.ts';
import {
  aDeferral,
  aJob,
  anAnswer,
  heardOf,
  type DeferralSetting,
} from '../../support/deferrals.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const MINUTE_MS = 60_000;
const STAGES = { summarize: {}, classify: {} };

async function aWatchedDeferral(setting: DeferralSetting = {}) {
  const config = { stages: STAGES, ...setting.config };
  const deferral = await aDeferral(server, { ...setting, config });
  const metrics = createMetrics({ version: 'test' });
  const { maxDepth } = deferralSchema.parse(config);
  observeDeferral(deferral.events, { metrics, stages: Object.keys(STAGES) });
  const lines = async (): Promise<readonly string[]> => {
    await collectDeferral(deferral, { metrics, maxDepth });
    const all = (await metrics.registry.metrics()).split('\n');
    return all.filter((line) => line.startsWith('slotkeeper_deferred_'));
  };
  return { deferral, lines };
}

const failing = (): Promise<JobRun> =>
  Promise.resolve({ kind: 'failed', code: 'invalid_request', message: 'no' });

describe('the metrics of deferral', () => {
  it('tell where jobs of each stage stand, and how old the oldest one is', async () => {
    const submittedAtMs = Date.now() - 10 * MINUTE_MS;
    const time = { ms: submittedAtMs };
    const setting = { isStarted: false, config: { maxDepth: 10 }, clock: () => time.ms };
    const { deferral, lines } = await aWatchedDeferral(setting);

    await deferral.submit(aJob({ stage: 'classify' }));
    time.ms = Date.now();
    await deferral.submit(aJob({ stage: 'classify' }));
    const written = await lines();

    expect(written).toEqual(
      expect.arrayContaining([
        'slotkeeper_deferred_jobs{stage="classify",state="waiting"} 2',
        'slotkeeper_deferred_jobs{stage="summarize",state="waiting"} 0',
        'slotkeeper_deferred_oldest_seconds{stage="summarize"} 0',
        'slotkeeper_deferred_running 0',
        'slotkeeper_deferred_dead 0',
        'slotkeeper_deferred_room 8',
      ]),
    );
    const [, age = ''] = /oldest_seconds\{stage="classify"\} (\S+)/.exec(written.join('\n')) ?? [];
    expect(Number(age)).toBeGreaterThanOrEqual(600);
    expect(Number(age)).toBeLessThan(660);
  });

  it('count why jobs wait, how they end, and those that are drained', async () => {
    const time = { ms: Date.now() };
    const runs = [failing, () => Promise.resolve(anAnswer())];
    const { deferral, lines } = await aWatchedDeferral({
      clock: () => time.ms,
      run: () => runs.pop()!(),
    });
    const ended = heardOf(deferral, 'ended', 2);

    await deferral.submit(aJob({ reason: 'deep_unavailable:ConnectRefused' }));
    await deferral.submit(aJob({ reason: 'deep_unavailable:Http503' }));
    time.ms += 5 * MINUTE_MS;
    await deferral.drain('summarize', 10);
    await ended;

    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slotkeeper_deferred_parked_total{stage="summarize",reason="ConnectRefused"} 1',
        'slotkeeper_deferred_parked_total{stage="summarize",reason="Http503"} 1',
        'slotkeeper_deferred_drained_total{stage="summarize"} 2',
        'slotkeeper_deferred_ended_total{stage="summarize",result="answered"} 1',
        'slotkeeper_deferred_ended_total{stage="summarize",result="failed"} 1',
        'slotkeeper_deferred_ended_total{stage="classify",result="answered"} 0',
        'slotkeeper_deferred_age_seconds_sum{stage="summarize"} 600',
        'slotkeeper_deferred_oldest_seconds{stage="summarize"} 0',
        'slotkeeper_deferred_jobs{stage="summarize",state="waiting"} 0',
      ]),
    );
  });

  it('keep the age of a job that goes back to wait, and not of one that is dead', async () => {
    const isBroken = { now: false };
    const { deferral, lines } = await aWatchedDeferral({
      // It goes on: a job that is on its way back to its place is looked for again a second later.
      clock: () => Date.now() - 20 * MINUTE_MS,
      config: { maxFailures: 1 },
      run: () =>
        isBroken.now
          ? Promise.reject(new TypeError('a defect'))
          : Promise.resolve({ kind: 'deferred', error: 'pool_full' }),
    });
    const deferred = heardOf(deferral, 'deferred');
    const dead = heardOf(deferral, 'dead');

    await deferral.submit(aJob({ delayMs: 0 }));
    await deferred;
    const whileItWaits = (await lines()).join('\n');
    isBroken.now = true;
    await deferral.drain('summarize', 1);
    await dead;
    const whenItIsDead = await lines();

    const [, age = ''] = /oldest_seconds\{stage="summarize"\} (\S+)/.exec(whileItWaits) ?? [];
    expect(Number(age)).toBeGreaterThanOrEqual(1200);
    expect(whileItWaits).toContain('again_total{stage="summarize",reason="pool_full"} 1');
    expect(whenItIsDead).toEqual(
      expect.arrayContaining([
        'slotkeeper_deferred_dead 1',
        'slotkeeper_deferred_failures_total{stage="summarize"} 1',
        'slotkeeper_deferred_oldest_seconds{stage="summarize"} 0',
      ]),
    );
  });

  it('count jobs that were not taken, and show that nobody else would be', async () => {
    const { deferral, lines } = await aWatchedDeferral({
      isStarted: false,
      config: { maxDepth: 1 },
    });

    await deferral.submit(aJob());
    const refused = await deferral.submit(aJob());

    expect(refused.kind).toBe('full');
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'slotkeeper_deferred_refused_total{stage="summarize"} 1',
        'slotkeeper_deferred_room 0',
      ]),
    );
  });

  it('show no values of before where the store cannot be read', async () => {
    const metrics = createMetrics({ version: 'test' });
    metrics.deferredJobs.set({ stage: 'summarize', state: 'waiting' }, 3);
    const depths = () => Promise.reject(new Error('connection refused'));

    await collectDeferral({ depths }, { metrics, maxDepth: 1 });

    const text = await metrics.registry.metrics();
    expect(text).not.toContain('slotkeeper_deferred_jobs{');
    expect(text).toContain('slotkeeper_deferred_room Nan');
  });
});

describe('why a job waits, as a label', () => {
  it.each([
    [undefined, 'none'],
    ['deep_unavailable:ConnectRefused', 'ConnectRefused'],
    ['a:b_unavailable:Http429', 'Http429'],
    ['deep_unavailable:breaker_open', 'breaker_open'],
    ['deep_unavailable:shutting_down', 'shutting_down'],
    ['deep_unavailable:NotConfigured', 'NotConfigured'],
    ['internal:DaemonLost', 'internal'],
    ['deep_unavailable:Http2', 'other'],
    ['whatever people write', 'other'],
  ])('of %s is %s', (reason, label) => {
    expect(reasonClass(reason)).toBe(label);
  });
});
