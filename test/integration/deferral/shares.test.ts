// @module-tag redis_required
// Fair shares of parked work: over stages by their weights, over a stage's tenants alike; how much is out
// at once; and what an operator drains.
import { describe, expect, it } from 'vitest';
import type { JobView } from '../../../src/deferral/record.ts';
import { aDeferral, aJob, anAnswer, heardOf } from '../../support/deferrals.ts';
import { eventually } from '../../support/eventually.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const NOON_MS = 1_790_000_000_000;
const STAGES = { summarize: { weight: 5 }, classify: { weight: 3 }, extract: { weight: 2 } };

function counted<T>(items: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

describe('backlogged stages', () => {
  it('get shares of what runs by their weights, over two daemons', async () => {
    const cell = server.cell();
    const order: string[] = [];
    const config = { stages: STAGES, concurrency: 4 };
    const run = (job: { readonly stage: string }) => {
      order.push(job.stage);
      return Promise.resolve(anAnswer());
    };
    const daemons = await Promise.all(
      [1, 2].map(() => aDeferral(server, { cell, config, run, isStarted: false })),
    );
    const jobs = Object.keys(STAGES).flatMap((stage) =>
      Array.from({ length: 300 }, () => aJob({ stage, delayMs: 0 })),
    );
    await daemons[0]!.submitMany(jobs);

    const ended = daemons.map((one) => heardOf(one, 'ended', 150));
    await Promise.all(daemons.map((one) => one.start()));
    await Promise.race(ended);

    const counts = counted(order.slice(0, 150));
    const share = (stage: string): number => (counts.get(stage) ?? 0) / 150;
    expect(share('summarize')).toBeCloseTo(0.5, 1);
    expect(Math.abs(share('summarize') - 0.5)).toBeLessThan(0.05);
    expect(Math.abs(share('classify') - 0.3)).toBeLessThan(0.05);
    expect(Math.abs(share('extract') - 0.2)).toBeLessThan(0.05);
  });

  it('let tenants of a stage take turns, however many jobs one of them parked first', async () => {
    const order: string[] = [];
    const deferral = await aDeferral(server, {
      config: { concurrency: 2 },
      isStarted: false,
      run: (job) => {
        order.push(job.tenant);
        return Promise.resolve(anAnswer());
      },
    });
    const of = (tenant: string, length: number) =>
      Array.from({ length }, () => aJob({ tenant, delayMs: 0 }));
    await deferral.submitMany([...of('team-a', 60), ...of('team-b', 20), ...of('team-c', 20)]);
    const ended = heardOf(deferral, 'ended', 60);

    await deferral.start();
    await ended;

    const counts = counted(order.slice(0, 30));
    expect([...counts.values()].every((count) => Math.abs(count - 10) <= 2)).toBe(true);
    expect(counts.size).toBe(3);
  });

  it('have no more out at once than the daemons together run', async () => {
    const cell = server.cell();
    let now = 0;
    let most = 0;
    const run = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return anAnswer();
    };
    const config = { concurrency: 3 };
    const daemons = await Promise.all([1, 2].map(() => aDeferral(server, { cell, config, run })));
    const all = Promise.race(daemons.map((one) => heardOf(one, 'ended', 40)));

    await daemons[0]!.submitMany(
      ['summarize', 'classify', 'extract'].flatMap((stage) =>
        Array.from({ length: 40 }, () => aJob({ stage, delayMs: 0 })),
      ),
    );
    await all;

    expect(most).toBeLessThanOrEqual(6);
    expect(most).toBeGreaterThan(1);
  });
});

describe('a drain', () => {
  it('makes the next so many jobs of its stage due, and no others, and counts how they end', async () => {
    const ran: JobView[] = [];
    const deferral = await aDeferral(server, {
      clock: () => NOON_MS,
      run: (job) => {
        ran.push(job as unknown as JobView);
        return Promise.resolve(ran.length === 1 ? { kind: 'deferred', error: 'Busy' } : anAnswer());
      },
    });
    await deferral.submitMany([
      aJob({ delayMs: 3000 }),
      aJob({ delayMs: 1000 }),
      aJob({ delayMs: 2000 }),
      aJob({ delayMs: 500, stage: 'classify' }),
    ]);
    const ended = heardOf(deferral, 'ended');
    const deferred = heardOf(deferral, 'deferred');

    const drain = await deferral.drain('summarize', 2);
    await Promise.all([ended, deferred]);

    const progress = await deferral.progress(drain.number);
    expect(drain.count).toBe(2);
    expect(ran.map(({ stage }) => stage)).toEqual(['summarize', 'summarize']);
    expect(progress).toEqual({
      ...{ total: 2, answered: 1, deferred: 1 },
      ...{ failed: 0, expired: 0, cancelled: 0, dead: 0 },
    });
  });

  it('goes on with what is said to be possible soon, and not with what takes longer', async () => {
    const waits = [50, 120_000];
    const deferral = await aDeferral(server, {
      run: () => {
        const retryAfterMs = waits.shift();
        if (retryAfterMs === undefined) return Promise.resolve(anAnswer());
        return Promise.resolve({ kind: 'deferred', error: 'breaker_open', retryAfterMs });
      },
      config: { concurrency: 1 },
    });
    await deferral.submitMany([aJob({ delayMs: 60_000 }), aJob({ delayMs: 70_000 })]);
    const ended = heardOf(deferral, 'ended');

    const drain = await deferral.drain('summarize', 2);
    await ended;

    expect(await deferral.progress(drain.number)).toMatchObject({
      ...{ total: 2, answered: 1, deferred: 1 },
    });
  });

  it('claims no job twice for two that drain at the same time', async () => {
    const cell = server.cell();
    const ids: string[] = [];
    const run = ({ id }: { readonly id: string }) => {
      ids.push(id);
      return Promise.resolve(anAnswer());
    };
    const daemons = await Promise.all([1, 2].map(() => aDeferral(server, { cell, run })));
    await daemons[0]!.submitMany(Array.from({ length: 100 }, () => aJob()));

    const drains = await Promise.all(daemons.map((one) => one.drain('summarize', 60)));
    await eventually(() => expect(ids.length).toBeGreaterThanOrEqual(100));

    expect(drains.reduce((sum, { count }) => sum + count, 0)).toBe(100);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
