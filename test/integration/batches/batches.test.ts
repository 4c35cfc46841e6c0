// @module-tag redis_required
// A batch from its file to its results, over real queues: what runs, what is refused, what is cut off,
// and that daemons that come and go change nothing of it.
import { describe, expect, it } from 'vitest';
import type { JobRun, RunJob } from '../../../src/deferral/job.ts';
import type { Batches } from '../../../src/batches/service.ts';
import { aLine, resultOf, someBatches, uploaded } from '../../support/batches.ts';
import { aJob, anAnswer } from '../../support/deferrals.ts';
import { eventually } from '../../support/eventually.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const ids = (count: number) => Array.from({ length: count }, (_, i) => `line-${i}`);
const asked = (body: string) =>
  (JSON.parse(body) as { messages: [{ content: string }] }).messages[0].content;
const echo: RunJob = ({ request }) =>
  Promise.resolve(anAnswer(JSON.stringify({ echo: asked(request.body) })));

async function created(batches: Batches, lines: readonly string[], window = '24h') {
  const input = await uploaded(batches, lines);
  const facts = { inputFile: input.id, endpoint: '/v1/chat/completions', window };
  return await batches.create('t1', facts);
}

/** The batch in a state; the test fails where it does not come to it. */
const inState = (batches: Batches, id: string, state: string) =>
  eventually(
    async () => {
      const batch = await batches.find('t1', id);
      expect(batch?.state).toBe(state);
      return batch!;
    },
    { timeoutMs: 25_000 },
  );

describe('a batch', () => {
  it('answers each of its lines, in their order, and tells how far it is', async () => {
    const { batches, failures } = await someBatches(server, { cell: server.cell(), run: echo });

    const batch = await created(
      batches,
      ids(450).map((id) => aLine(id)),
    );
    const done = await inState(batches, batch.id, 'completed');

    expect(done).toMatchObject({ total: 450, completed: 450, failed: 0, errorFile: undefined });
    const lines = await resultOf(batches, done.outputFile);
    expect(lines.map((line) => line.custom_id)).toEqual(ids(450));
    expect(lines[7]).toMatchObject({
      response: { status_code: 200, body: { echo: 'line-7' } },
      error: null,
    });
    expect(new Set(lines.map(({ id }) => id)).size).toBe(450);
    expect(failures).toEqual([]);
  });

  it('ends though its lines are dropped as deferred jobs, those that run too', async () => {
    const run: RunJob = (_job, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ kind: 'deferred', error: 'cut' }));
      });
    const config = { concurrency: 1 };
    const { batches, deferral } = await someBatches(server, { cell: server.cell(), run, config });

    const batch = await created(
      batches,
      ids(3).map((id) => aLine(id)),
    );
    const jobs = await eventually(async () => {
      const page = await deferral.list({ tenant: 't1', limit: 10 });
      expect(page.jobs.map(({ status }) => status).sort()).toEqual([
        ...['deferred', 'deferred', 'running'],
      ]);
      return page.jobs;
    });
    const dropped = await Promise.all(jobs.map(({ id }) => deferral.drop(id)));
    const done = await inState(batches, batch.id, 'completed');

    expect(dropped).toEqual([true, true, true]);
    expect(done).toMatchObject({ total: 3, completed: 0, failed: 3 });
  });

  it('runs each of its lines, whatever keys its tenant has given to other work', async () => {
    const cell = server.cell();
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const run: RunJob = async (job, signal) => {
      await opened;
      return await echo(job, signal);
    };
    const { batches, deferral } = await someBatches(server, { cell, run, batches: { ahead: 10 } });
    const batch = await created(
      batches,
      ids(20).map((id) => aLine(id)),
    );

    const body = JSON.stringify({ model: 'deep', messages: [{ content: 'other' }] });
    const request = { path: '/v1/chat/completions', headers: {}, body };
    for (let place = 10; place < 20; place += 1) {
      const key = `${batch.id}:${place}`;
      await deferral.submit(aJob({ tenant: 't1', key, request }));
    }
    open();
    const done = await inState(batches, batch.id, 'completed');

    expect(done).toMatchObject({ total: 20, completed: 20, failed: 0 });
  });

  it('puts refused and failed lines into the error file', async () => {
    const ends: Readonly<Record<string, JobRun>> = {
      'line-1': { kind: 'failed', code: 'model_not_found', message: 'No such model.' },
      'line-2': { kind: 'answered', answer: { status: 400, headers: {}, body: '{"error":{}}' } },
    };
    const run: RunJob = (job, signal) => {
      const end = ends[asked(job.request.body)];
      return end ? Promise.resolve(end) : echo(job, signal);
    };
    const { batches } = await someBatches(server, { cell: server.cell(), run });

    const batch = await created(
      batches,
      ids(3).map((id) => aLine(id)),
    );
    const done = await inState(batches, batch.id, 'completed');

    expect(done).toMatchObject({ total: 3, completed: 1, failed: 2 });
    expect(await resultOf(batches, done.outputFile)).toMatchObject([{ custom_id: 'line-0' }]);
    expect(await resultOf(batches, done.errorFile)).toMatchObject([
      { custom_id: 'line-1', response: null, error: { code: 'model_not_found' } },
      { custom_id: 'line-2', response: { status_code: 400 }, error: null },
    ]);
  });

  it('does not begin where a line is wrong: no line runs, and each fault has its number', async () => {
    let runs = 0;
    const run: RunJob = () => {
      runs += 1;
      return Promise.resolve(anAnswer());
    };
    const { batches } = await someBatches(server, { cell: server.cell(), run });

    const batch = await created(batches, [aLine('a'), '{', aLine('a')]);
    const failed = await inState(batches, batch.id, 'failed');

    expect(failed.errors).toMatchObject([
      { code: 'invalid_json_line', line: 2 },
      { code: 'duplicate_custom_id', line: 3 },
    ]);
    expect(runs).toBe(0);
  });

  it('waits for an upstream that is away, and loses nothing by it', async () => {
    let isAway = true;
    const run: RunJob = (job, signal) =>
      isAway
        ? Promise.resolve({ kind: 'deferred', error: 'ConnectRefused', retryAfterMs: 100 })
        : echo(job, signal);
    const { batches, deferral } = await someBatches(server, { cell: server.cell(), run });
    const deferred = new Promise((resolve) => deferral.events.once('deferred', resolve));

    const batch = await created(
      batches,
      ids(20).map((id) => aLine(id)),
    );
    await deferred;
    const waiting = await batches.find('t1', batch.id);
    isAway = false;
    const done = await inState(batches, batch.id, 'completed');

    expect(waiting).toMatchObject({ state: 'in_progress', completed: 0, failed: 0 });
    expect(done.completed).toBe(20);
  });

  it('goes on where the queue was full, and has no more lines in it than it may', async () => {
    const setting = { run: echo, config: { maxDepth: 30 }, batches: { ahead: 20 } };
    const { batches } = await someBatches(server, { cell: server.cell(), ...setting });

    const some = await Promise.all(
      [1, 2].map(() =>
        created(
          batches,
          ids(100).map((id) => aLine(id)),
        ),
      ),
    );

    for (const { id } of some) {
      expect((await inState(batches, id, 'completed')).completed).toBe(100);
    }
  });

  it('that is cancelled keeps its answers, and says so of each other line', async () => {
    const gate: { open: () => void } = { open: () => undefined };
    const opened = new Promise<void>((resolve) => (gate.open = resolve));
    let begun = 0;
    const run: RunJob = async (job, signal) => {
      begun += 1;
      if (begun > 1) await opened;
      return await echo(job, signal);
    };
    const setting = { run, config: { concurrency: 2 }, batches: { ahead: 10 } };
    const { batches } = await someBatches(server, { cell: server.cell(), ...setting });
    const batch = await created(
      batches,
      ids(30).map((id) => aLine(id)),
    );
    await eventually(async () => expect((await batches.find('t1', batch.id))?.completed).toBe(1));

    const cancelling = await batches.cancel('t1', batch.id);
    await eventually(async () => {
      expect((await batches.find('t1', batch.id))?.failed).toBeGreaterThan(20);
    });
    gate.open();
    const done = await inState(batches, batch.id, 'cancelled');

    expect(cancelling?.state).toBe('cancelling');
    expect(done.completed + done.failed).toBe(30);
    expect(done.completed).toBeGreaterThanOrEqual(2);
    const errors = await resultOf(batches, done.errorFile);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(['batch_cancelled']));
    expect((await resultOf(batches, done.outputFile)).length + errors.length).toBe(30);
    await expect(batches.cancel('t1', batch.id)).rejects.toMatchObject({ code: 'batch_ended' });
  });

  it('ends when its window has passed, whatever runs or waits', async () => {
    const time = { ms: 1_000_000_000_000 };
    const run: RunJob = (job, signal) =>
      asked(job.request.body) === 'line-0'
        ? echo(job, signal)
        : Promise.resolve({ kind: 'deferred', error: 'ConnectRefused', retryAfterMs: 3_600_000 });
    const setting = { run, clock: () => time.ms };
    const { batches, deferral } = await someBatches(server, { cell: server.cell(), ...setting });
    const deferred = new Promise((resolve) => deferral.events.once('deferred', resolve));
    const batch = await created(
      batches,
      ids(5).map((id) => aLine(id)),
      '10m',
    );
    await deferred;
    await eventually(async () => expect((await batches.find('t1', batch.id))?.completed).toBe(1));

    time.ms += 600_000;
    const done = await inState(batches, batch.id, 'expired');

    expect(done).toMatchObject({ completed: 1, failed: 4, total: 5 });
    const errors = await resultOf(batches, done.errorFile);
    expect(errors.map(({ error }) => error?.code)).toEqual(Array(4).fill('batch_expired'));
  });

  it('is seen through by others when its daemon stops in the middle', async () => {
    const cell = server.cell();
    const slow: RunJob = (job, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => void echo(job, signal).then(resolve), 20);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve({ kind: 'deferred', error: 'shutting_down' });
        });
      });
    const setting = { cell, run: slow, batches: { ahead: 50 } };
    const first = await someBatches(server, setting);
    const batch = await created(
      first.batches,
      ids(300).map((id) => aLine(id)),
    );
    await eventually(async () => {
      expect((await first.batches.find('t1', batch.id))?.completed).toBeGreaterThan(20);
    });

    await Promise.all([first.batches.stop(), first.deferral.stop()]);
    const second = await someBatches(server, setting);
    const done = await inState(second.batches, batch.id, 'completed');

    expect(done).toMatchObject({ completed: 300, failed: 0 });
    const lines = await resultOf(second.batches, done.outputFile);
    expect(lines.map((line) => line.custom_id)).toEqual(ids(300));
  });

  it('leaves nothing of its jobs behind', async () => {
    const cell = server.cell();
    const { batches } = await someBatches(server, { cell, run: echo });
    const batch = await created(
      batches,
      ids(30).map((id) => aLine(id)),
    );
    await inState(batches, batch.id, 'completed');

    await eventually(async () => {
      const keys = await server.redis.keys(`slotkeeper:{${cell}}:*`);
      expect(keys.filter((key) => key.includes('batch-lines'))).toEqual([]);
      expect(await server.redis.hlen(`slotkeeper:{${cell}}:deferred`)).toBe(0);
    });
  });
});
