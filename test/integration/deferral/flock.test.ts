// @module-tag redis_required
// Jobs that begin and end in one turn of the event loop on a real store: they are looked at and recorded
// in calls that they share, and each has its own end.
import { describe, expect, it } from 'vitest';
import { aDeferral, aJob, anAnswer, heardOf } from '../../support/deferrals.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
/** More than one call takes. */
const FLOCK = 40;

describe('jobs that end in one turn', () => {
  it('each keep their own answer', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let begun = 0;
    const deferral = await aDeferral(server, {
      config: { concurrency: FLOCK },
      run: async ({ id }) => {
        if ((begun += 1) === FLOCK) open();
        await gate;
        return anAnswer(id);
      },
    });
    const ended = heardOf(deferral, 'ended', FLOCK);

    const jobs = Array.from({ length: FLOCK }, () => aJob({ delayMs: 0 }));
    const submissions = await deferral.submitMany(jobs);
    await ended;
    const ids = submissions.flatMap((one) => (one.kind === 'parked' ? [one.job.id] : []));
    const bodies = await Promise.all(
      ids.map(async (id) => {
        const outcome = await deferral.outcomeOf((await deferral.find('team-a', id))!);
        return outcome?.kind === 'answered' ? outcome.answer.body : outcome;
      }),
    );

    expect(ids).toHaveLength(FLOCK);
    expect(bodies).toEqual(ids);
  });

  it('end once, also where one is named twice or is not there', async () => {
    const deferral = await aDeferral(server, { isStarted: false });
    const [first, second] = await deferral.submitMany([aJob(), aJob()]);
    if (first?.kind !== 'parked' || second?.kind !== 'parked') throw new Error('full');
    const [a, b] = [first.job.id, second.job.id];

    const cancelled = await Promise.all([a, 'dfr_none', a, b].map((id) => deferral.cancel(id)));
    const statuses = [await deferral.find('team-a', a), await deferral.find('team-a', b)];

    expect(cancelled).toEqual([true, false, false, true]);
    expect(statuses).toMatchObject([{ status: 'cancelled' }, { status: 'cancelled' }]);
  });

  it('are acknowledged, not run, where they were cancelled before a worker came', async () => {
    const cell = server.cell();
    const runs: string[] = [];
    const other = await aDeferral(server, { cell, isStarted: false });
    const deferral = await aDeferral(server, {
      cell,
      config: { concurrency: 1 },
      isStarted: false,
      run: ({ id }) => {
        runs.push(id);
        return Promise.resolve(anAnswer());
      },
    });
    const ended = heardOf(deferral, 'ended', 3);

    const submissions = await other.submitMany([1, 2, 3].map(() => aJob({ delayMs: 0 })));
    const ids = submissions.flatMap((one) => (one.kind === 'parked' ? [one.job.id] : []));
    await Promise.all(ids.map((id) => other.cancel(id)));
    await deferral.start();
    await ended;

    expect(ids).toHaveLength(3);
    expect(runs).toEqual([]);
  });
});
