// @module-tag redis_required
// Deferral on a real store: parking, coming back when due, ends that are recorded once, keys, bounds,
// dead letters, and what is kept.
import { describe, expect, it } from 'vitest';
import type { DeferredJob, JobRun } from '../../../src/deferral/job.ts';
import { aDeferral, aJob, anAnswer, heardOf } from '../../support/deferrals.ts';
import { eventually } from '../../support/eventually.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const MINUTE_MS = 60_000;
const NOON_MS = 1_790_000_000_000;

describe('a job that is parked', () => {
  it('waits for its due time by the clock, then runs once, and its answer is kept', async () => {
    const time = { ms: NOON_MS };
    const runs: DeferredJob[] = [];
    const deferral = await aDeferral(server, {
      clock: () => time.ms,
      run: (job) => {
        runs.push(job);
        return Promise.resolve(anAnswer('{"id":"x"}'));
      },
    });
    const ended = heardOf(deferral, 'ended');

    const submission = await deferral.submit(aJob({ reason: 'deep_unavailable:ConnectRefused' }));
    if (submission.kind === 'full') throw new Error('full');
    const { id } = submission.job;
    time.ms += 30 * MINUTE_MS - 1;
    const before = await deferral.find('team-a', id);
    const runsBefore = runs.length;
    time.ms += 1;
    await ended;
    const after = await deferral.find('team-a', id);
    const outcome = await deferral.outcomeOf(after!);

    expect(submission).toMatchObject({ kind: 'parked', job: { deferrals: 1, status: 'deferred' } });
    expect(before).toMatchObject({ status: 'deferred', dueAtMs: NOON_MS + 30 * MINUTE_MS });
    expect(runsBefore).toBe(0);
    expect(runs).toMatchObject([{ id, tries: 1, request: { body: '{"model":"deep"}' } }]);
    expect(after).toMatchObject({ status: 'answered', endedAtMs: NOON_MS + 30 * MINUTE_MS });
    expect(outcome).toMatchObject({ kind: 'answered', answer: { body: '{"id":"x"}' } });
  });

  it('waits longer with each deferral, up to the cap, which consumes no failure', async () => {
    const time = { ms: NOON_MS };
    const deferral = await aDeferral(server, {
      clock: () => time.ms,
      config: { retryAfterMs: 1000, maxRetryAfterMs: 3000 },
      run: () => Promise.resolve({ kind: 'deferred', error: 'ConnectRefused' }),
    });
    const waits: number[] = [];
    deferral.events.on('deferred', ({ dueAtMs }) => waits.push(dueAtMs - time.ms));

    const submission = await deferral.submit(aJob({ delayMs: 0 }));
    if (submission.kind === 'full') throw new Error('full');
    for (let i = 1; i <= 4; i += 1) {
      await eventually(() => expect(waits).toHaveLength(i));
      time.ms += waits.at(-1)!;
    }

    const job = await deferral.find(undefined, submission.job.id);
    expect(waits.slice(0, 4)).toEqual([1000, 2000, 3000, 3000]);
    expect(job).toMatchObject({ failures: 0, reason: 'deep_unavailable:ConnectRefused' });
  });

  it('comes back when its upstream has said', async () => {
    const time = { ms: NOON_MS };
    const deferral = await aDeferral(server, {
      clock: () => time.ms,
      run: () => Promise.resolve({ kind: 'deferred', error: 'RateLimited', retryAfterMs: 7000 }),
    });
    const deferred = heardOf(deferral, 'deferred');

    const submission = await deferral.submit(aJob({ delayMs: 0 }));
    if (submission.kind === 'full') throw new Error('full');
    await deferred;
    const job = await deferral.find(undefined, submission.job.id);

    expect(job?.dueAtMs).toBe(NOON_MS + 7000);
  });

  it('expires at its age without another try', async () => {
    const time = { ms: NOON_MS };
    let runs = 0;
    const deferral = await aDeferral(server, {
      clock: () => time.ms,
      config: { maxAgeMs: 10_000, retryAfterMs: 60_000 },
      run: () => {
        runs += 1;
        return Promise.resolve(anAnswer());
      },
    });
    const ended = heardOf(deferral, 'ended');

    const submission = await deferral.submit(aJob());
    if (submission.kind === 'full') throw new Error('full');
    time.ms += 10_000;
    await ended;
    const job = await deferral.find(undefined, submission.job.id);

    expect(runs).toBe(0);
    expect(job?.status).toBe('expired');
    expect(await deferral.outcomeOf(job!)).toMatchObject({ kind: 'expired', code: 'expired' });
  });
});

describe('submitting', () => {
  it('takes a key of a tenant once, however many try at the same time', async () => {
    const cell = server.cell();
    const daemons = await Promise.all([1, 2].map(() => aDeferral(server, { cell })));

    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) => daemons[i % 2]!.submit(aJob({ key: 'k1' }))),
    );
    const other = await daemons[0]!.submit(aJob({ key: 'k1', tenant: 'team-b' }));

    const ids = all.map((one) => (one.kind === 'full' ? '' : one.job.id));
    expect(all.filter(({ kind }) => kind === 'parked')).toHaveLength(1);
    expect(new Set(ids).size).toBe(1);
    expect(other.kind).toBe('parked');
  });

  it('refuses what is beyond the depth, and takes again once a job has ended', async () => {
    const deferral = await aDeferral(server, { config: { maxDepth: 2 } });

    const first = await deferral.submitMany([aJob(), aJob(), aJob()]);
    const another = await deferral.submit(aJob());
    if (first[0]?.kind !== 'parked') throw new Error('not parked');
    await deferral.cancel(first[0].job.id);
    const later = await deferral.submit(aJob());

    expect(first.map(({ kind }) => kind)).toEqual(['parked', 'parked', 'full']);
    expect(another).toMatchObject({ kind: 'full' });
    expect(later.kind).toBe('parked');
  });

  it.each([
    ['an unknown stage', aJob({ stage: 'nap' }), 'invalid_request'],
    [
      'a large body',
      aJob({ request: { path: '/', headers: {}, body: 'x'.repeat(300) } }),
      'payload',
    ],
    ['an empty key', aJob({ key: '' }), 'invalid_request'],
    ['a webhook elsewhere', aJob({ webhook: 'https://evil.example/' }), 'invalid_request'],
  ])('refuses %s', async (_, job, code) => {
    const deferral = await aDeferral(server, {
      config: { maxPayloadBytes: 256 },
      isStarted: false,
    });

    const refusal = deferral.submit(job);

    await expect(refusal).rejects.toMatchObject({ code: expect.stringContaining(code) as string });
  });
});

describe('a job that ends', () => {
  it('is cut when it is cancelled elsewhere, and stays cancelled', async () => {
    const cell = server.cell();
    let began = (): void => undefined;
    const running = new Promise<void>((resolve) => (began = resolve));
    const worker = await aDeferral(server, {
      cell,
      run: (_, signal) =>
        new Promise<JobRun>((resolve) => {
          began();
          signal.addEventListener('abort', () => resolve({ kind: 'deferred', error: 'Aborted' }));
        }),
    });
    const other = await aDeferral(server, { cell, isStarted: false });
    const ended = heardOf(worker, 'ended');

    const submission = await worker.submit(aJob({ delayMs: 0 }));
    if (submission.kind === 'full') throw new Error('full');
    await running;
    const cancelled = await other.cancel(submission.job.id);
    const again = await other.cancel(submission.job.id);
    await ended;

    const job = await other.find('team-a', submission.job.id);
    expect([cancelled, again]).toEqual([true, false]);
    expect(job?.status).toBe('cancelled');
    expect(await other.find('team-b', submission.job.id)).toBeUndefined();
  });

  it('is told of before it is acknowledged, and again where that failed', async () => {
    const told: string[] = [];
    const deferral = await aDeferral(server, {
      onEnded: (job) => {
        told.push(job.id);
        return told.length === 1 ? Promise.reject(new Error('not now')) : Promise.resolve();
      },
    });
    let runs = 0;
    const ended = heardOf(deferral, 'ended');

    await deferral.submit(aJob({ delayMs: 0 }));
    await ended;
    runs += told.length;

    expect(runs).toBe(2);
    expect(new Set(told).size).toBe(1);
  });

  it('leaves nothing behind after its retention', async () => {
    const cell = server.cell();
    const time = { ms: NOON_MS };
    const deferral = await aDeferral(server, {
      cell,
      clock: () => time.ms,
      config: { retentionMs: 5000 },
    });
    const ended = heardOf(deferral, 'ended');
    const submission = await deferral.submit(aJob({ delayMs: 0, key: 'k' }));
    if (submission.kind === 'full') throw new Error('full');
    await ended;

    time.ms += 5001;
    await eventually(async () => {
      expect(await deferral.find(undefined, submission.job.id)).toBeUndefined();
    });

    const keys = await server.redis.keys(`slotkeeper:{${cell}}:*`);
    const left = keys.filter((key) => /deferral-(outcomes|keys|index|out|ended)$|dfr_/.test(key));
    expect(left).toEqual([]);
  });
});

describe('a dead letter', () => {
  it('is tried no more after so many failures, until an operator retries it', async () => {
    let broken = true;
    const deferral = await aDeferral(server, {
      config: { maxFailures: 2, retryAfterMs: 100 },
      run: () => (broken ? Promise.reject(new TypeError('a defect')) : Promise.resolve(anAnswer())),
    });
    const dead = heardOf(deferral, 'dead');
    const submission = await deferral.submit(aJob({ delayMs: 0 }));
    if (submission.kind === 'full') throw new Error('full');
    const { id } = submission.job;

    await dead;
    const letter = await deferral.find(undefined, id);
    broken = false;
    const ended = heardOf(deferral, 'ended');
    const retried = await deferral.retry(id);
    await ended;

    expect(letter).toMatchObject({ status: 'dead', failures: 2, reason: 'internal:TypeError' });
    expect(retried).toBe(true);
    expect(await deferral.find(undefined, id)).toMatchObject({ status: 'answered', failures: 0 });
  });
});
