// @module-tag redis_required
// kill -9 of processes that work on deferred jobs: in a job's run, between its recorded end and its
// acknowledgement, and anywhere under load.
import { expect, it } from 'vitest';
import type { DeferredJob } from '../../src/deferral/job.ts';
import { aDeferral, aJob, anAnswer } from '../support/deferrals.ts';
import { eventually } from '../support/eventually.ts';
import { forkProgram } from '../support/forked.ts';
import type { WorkerNews, WorkerOrder } from '../support/programs/deferral.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const LOCK_MS = 1000;

function startWorker(cell: string, order: Pick<WorkerOrder, 'daemon' | 'stays'>) {
  const process = forkProgram<WorkerOrder, WorkerNews>('deferral.ts');
  const news: WorkerNews[] = [];
  process.onMessage((one) => news.push(one));
  process.tell({ ...order, url: store.url, cell, lockMs: LOCK_MS, concurrency: 4 });
  return { ...process, news };
}

it('a job whose worker is killed between its recorded end and the acknowledgement is not run again', async () => {
  const cell = store.cell();
  const observer = await aDeferral(store, { cell, isStarted: false });
  const submission = await observer.submit(aJob({ delayMs: 0 }));
  if (submission.kind === 'full') throw new Error('full');
  const { id } = submission.job;
  const dying = startWorker(cell, { daemon: 'dying', stays: 'before_acknowledging' });
  await eventually(() => expect(dying.news).toContainEqual({ kind: 'recorded', id }));

  await dying.kill();
  const runs: DeferredJob[] = [];
  const told: string[] = [];
  const next = await aDeferral(store, {
    ...{ cell, lockMs: LOCK_MS },
    run: (job) => {
      runs.push(job);
      return Promise.resolve(anAnswer('{"by":"next"}'));
    },
    onEnded: (job) => {
      told.push(job.id);
      return Promise.resolve();
    },
  });
  await eventually(() => expect(told).toEqual([id]));

  const job = await next.find(undefined, id);
  const outcome = await next.outcomeOf(job!);
  expect(runs).toEqual([]);
  expect(outcome).toMatchObject({ kind: 'answered', answer: { body: '{"by":"dying"}' } });
  await eventually(async () => expect(await next.requestOf(job!)).toBeUndefined());
});

it('a job whose worker is killed while it runs is run again, as another try, by the next one', async () => {
  const cell = store.cell();
  const observer = await aDeferral(store, { cell, isStarted: false });
  const submission = await observer.submit(aJob({ delayMs: 0 }));
  if (submission.kind === 'full') throw new Error('full');
  const { id } = submission.job;
  const dying = startWorker(cell, { daemon: 'dying', stays: 'in_run' });
  await eventually(() => expect(dying.news).toContainEqual({ kind: 'began', id }));

  await dying.kill();
  const runs: DeferredJob[] = [];
  const next = await aDeferral(store, {
    ...{ cell, lockMs: LOCK_MS },
    run: (job) => {
      runs.push(job);
      return Promise.resolve(anAnswer());
    },
  });
  await eventually(async () => {
    expect((await next.find(undefined, id))?.status).toBe('answered');
  });

  expect(runs).toMatchObject([{ id, tries: 2 }]);
  expect(await next.find(undefined, id)).toMatchObject({ failures: 1, stalls: 1, deferrals: 0 });
});

it('under load, with workers killed one after the other, each job has one end', async () => {
  const cell = store.cell();
  const observer = await aDeferral(store, { cell, isStarted: false });
  const jobs = ['summarize', 'classify', 'batch'].flatMap((stage) =>
    Array.from({ length: 200 }, () => aJob({ stage, delayMs: 0 })),
  );
  const submissions = await observer.submitMany(jobs);

  for (const daemon of ['w1', 'w2', 'w3']) {
    const worker = startWorker(cell, { daemon, stays: 'nowhere' });
    await eventually(() => expect(worker.news.length).toBeGreaterThan(50));
    await worker.kill();
  }
  startWorker(cell, { daemon: 'last', stays: 'nowhere' });
  await eventually(
    async () => expect(await observer.depths()).toMatchObject({ ended: 600, running: 0 }),
    { timeoutMs: 60_000, intervalMs: 200 },
  );

  const { jobs: ended } = await observer.list({ limit: 1000 });
  const ids = submissions.map((one) => (one.kind === 'full' ? '' : one.job.id));
  expect(ended.map(({ status }) => status)).toEqual(Array(600).fill('answered'));
  expect(ended.map(({ id }) => id).sort()).toEqual(ids.sort());
});
