// @module-tag redis_required
// Batches by an integer clock: one outcome a line, one end a batch, whoever tells what, in which order.
import { describe, expect, it } from 'vitest';
import { BatchStore } from '../../src/batches/batch-store.ts';
import { Files } from '../../src/batches/files.ts';
import { batchesSchema, filesSchema } from '../../src/config/batches-schema.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { useRedis } from '../support/redis.ts';

const server = useRedis();
const HOUR_MS = 3_600_000;
type Settings = Partial<ReturnType<typeof batchesSchema.parse>>;

async function someBatches(settings: Settings = {}) {
  const cell = server.cell();
  const time = { ms: 1_000_000 };
  const common = { redis: server.redis, cell, keyStyle: 'tagged', clock: () => time.ms } as const;
  const config = () => ({ ...batchesSchema.parse({}), ...settings });
  const files = new Files({ ...common, config: () => filesSchema.parse({}) });
  const store = new BatchStore({ ...common, config });
  const writer = await files.upload('t1');
  await writer.write(Buffer.from('{}\n'));
  const input = await writer.close({ name: 'a', purpose: 'batch' });
  const facts = { inputFile: input.id, endpoint: '/v1/embeddings', window: '24h' };
  const create = async () => {
    const creation = await store.create('t1', facts, 24 * HOUR_MS);
    if (creation.kind !== 'created') throw new Error(creation.kind);
    return creation.batch;
  };
  /** One that runs `total` lines, all of them in the queue. */
  const running = async (total: number) => {
    const batch = await create();
    await store.begin(batch, { total, errors: [] });
    const jobs = Array.from({ length: total }, (_, i) => `job-${i}`);
    await store.feed(batch, 0, jobs);
    return batch;
  };
  const seen = async (id: string) => (await store.find('t1', id))!;
  const due = async (id: string) =>
    Number(await server.redis.zscore(cellKeys(cell, 'tagged').batchesDue, id)) - time.ms;
  return { store, files, time, input, facts, create, running, seen, due };
}

const good = (...places: number[]) =>
  places.map((place) => [String(place), 'o[200,""]\n{}'] as const);
const bad = (...places: number[]) => places.map((place) => [String(place), 'f["x","y"]'] as const);
const NO_FILES = { output: '', error: '' };

describe('a batch', () => {
  it('goes from validating to completed, and its times are those of its states', async () => {
    const { store, time, running, seen } = await someBatches();
    const batch = await running(2);

    time.ms += 10;
    await store.record(batch.id, [...good(0), ...bad(1)]);
    time.ms += 10;
    const finished = await store.finish(batch, { output: 'file-o', error: 'file-e' });

    expect(finished).toBe(true);
    expect(await seen(batch.id)).toMatchObject({
      ...{ state: 'completed', total: 2, completed: 1, failed: 1, ending: undefined },
      ...{ outputFile: 'file-o', errorFile: 'file-e', createdAtMs: 1_000_000 },
      expiresAtMs: 1_000_000 + 24 * HOUR_MS,
      enteredAtMs: { in_progress: 1_000_000, finalizing: 1_000_010, completed: 1_000_020 },
    });
  });

  it('has failed where its lines are wrong, and tells why', async () => {
    const { store, create, seen } = await someBatches();
    const batch = await create();
    const error = { code: 'invalid_json_line', message: 'm', param: null, line: 3 };

    await store.begin(batch, { total: 3, errors: [error] });
    await store.begin(batch, { total: 3, errors: [] });

    expect(await seen(batch.id)).toMatchObject({ state: 'failed', errors: [error], total: 0 });
  });

  it('counts one outcome a line, the first, however often and by whom it is told', async () => {
    const { store, running, seen } = await someBatches();
    const batch = await running(3);

    await Promise.all([
      store.record(batch.id, [...good(0), ...bad(0)]),
      store.record(batch.id, bad(0)),
      store.record(batch.id, [...good(0), ...bad(1)]),
      store.record(batch.id, good(7)),
    ]);

    const { completed, failed, state } = await seen(batch.id);
    expect([completed, failed, state]).toEqual([1, 1, 'in_progress']);
    expect(await store.lines(batch.id, [0, 1, 2, 7])).toEqual([
      'o[200,""]\n{}',
      'f["x","y"]',
      'jjob-2',
      null,
    ]);
  });

  it('is finished once, by whoever is first, and not before its last line', async () => {
    const { store, running, seen } = await someBatches();
    const batch = await running(2);
    await store.record(batch.id, good(0));
    const early = await store.finish(batch, NO_FILES);

    const last = await store.record(batch.id, good(1));
    const ends = await Promise.all(
      ['file-a', 'file-b', 'file-c'].map((output) => store.finish(batch, { output, error: '' })),
    );

    expect(early).toBe(false);
    expect(last).toBe(true);
    expect(ends).toEqual([true, false, false]);
    expect((await seen(batch.id)).outputFile).toBe('file-a');
    expect(await store.record(batch.id, good(1))).toBe(false);
    expect(await store.lines(batch.id, [0])).toEqual([null]);
  });

  it('holds its input until it has ended', async () => {
    const { store, files, input, running } = await someBatches();
    const batch = await running(1);
    const whileOpen = await files.drop('t1', input.id);
    await store.record(batch.id, good(0));

    await store.finish(batch, NO_FILES);

    expect(whileOpen).toBe('held');
    expect(await files.drop('t1', input.id)).toBe('dropped');
  });

  it('that is cancelled ends what waits at once, and lets what runs be counted', async () => {
    const { store, running, seen } = await someBatches();
    const batch = await running(3);
    await store.record(batch.id, good(0));

    await store.stop(batch, 'cancelled');
    const state = (await seen(batch.id)).state;
    const jobs = await store.rest(batch, { from: 0, to: 1000, isForced: false }, 'c');
    await store.record(batch.id, [...good(1), ['2', 'c']]);
    const late = await store.feed(batch, 2, ['again']);
    await store.finish(batch, NO_FILES);

    expect(state).toBe('cancelling');
    expect(jobs).toEqual(['job-1', 'job-2']);
    expect(late).toBe(false);
    expect(await seen(batch.id)).toMatchObject({ state: 'cancelled', completed: 2, failed: 1 });
    expect(await store.stop(batch, 'cancelled')).toBe('ended');
  });

  it('that is late ends all of its lines, those that run and those that never came to the queue', async () => {
    const { store, create, seen } = await someBatches();
    const batch = await create();
    await store.begin(batch, { total: 4, errors: [] });
    await store.feed(batch, 0, ['job-0', 'job-1']);
    await store.record(batch.id, good(1));

    await store.stop(batch, 'expired');
    const jobs = await store.rest(batch, { from: 0, to: 1000, isForced: true }, 'x');

    expect(jobs).toEqual(['job-0']);
    expect(await store.lines(batch.id, [0, 1, 2, 3])).toEqual(['x', 'o[200,""]\n{}', 'x', 'x']);
    expect(await seen(batch.id)).toMatchObject({ state: 'finalizing', ending: 'expired' });
    await store.finish(batch, NO_FILES);
    expect((await seen(batch.id)).state).toBe('expired');
  });

  it('that is cancelled before it began has ended', async () => {
    const { store, create, seen } = await someBatches();
    const batch = await create();

    await store.stop(batch, 'cancelled');
    await store.begin(batch, { total: 4, errors: [] });

    expect(await seen(batch.id)).toMatchObject({ state: 'cancelled', total: 0 });
  });
});

describe('whoever sees to batches', () => {
  it('takes one that is due alone, and leaves it to others after a while', async () => {
    const { store, time, create } = await someBatches();
    const batch = await create();

    const first = await Promise.all([store.take(5000), store.take(5000)]);
    time.ms += 4999;
    await store.hold(batch.id, 5000);
    time.ms += 4999;
    const held = await store.take(5000);
    time.ms += 1;
    const left = await store.take(5000);

    expect(first).toEqual([{ id: batch.id, nowMs: 1_000_000 }, undefined]);
    expect(held).toBeUndefined();
    expect(left).toEqual({ id: batch.id, nowMs: 1_009_999 });
  });

  it('looks again when the last line has ended, even if it wanted to look later', async () => {
    const { store, running, due } = await someBatches();
    const batch = await running(1);
    await store.record(batch.id, good(0));

    await store.look(batch.id, HOUR_MS);

    expect(await due(batch.id)).toBe(0);
  });

  it('is told of room in the queue for more lines, unless somebody is feeding it', async () => {
    const { store, time, create, due } = await someBatches({ ahead: 10 });
    const batch = await create();
    await store.begin(batch, { total: 100, errors: [] });
    await store.feed(
      batch,
      0,
      Array.from({ length: 10 }, (_, i) => `job-${i}`),
    );
    const whileFed = await store.record(batch.id, good(0, 1, 2, 3, 4));
    time.ms += 5000;
    await store.look(batch.id, HOUR_MS, true);
    const ofFull = await due(batch.id);

    const later = await store.record(batch.id, good(5));

    expect([whileFed, later]).toEqual([false, true]);
    expect(ofFull).toBe(HOUR_MS);
    expect(await due(batch.id)).toBe(0);
  });

  it('drops what has been kept for its time, and then nothing is left', async () => {
    const { store, time, running } = await someBatches({ retentionMs: HOUR_MS });
    const batch = await running(1);
    await store.record(batch.id, good(0));
    await store.finish(batch, NO_FILES);
    time.ms += HOUR_MS - 1;
    const before = await store.take(1);
    time.ms += 1;

    const after = await store.take(1);
    await store.drop(batch.id);

    expect([before, after?.id]).toEqual([undefined, batch.id]);
    expect(await store.find('t1', batch.id)).toBeUndefined();
    expect((await store.list('t1', { limit: 10, order: 'desc' })).entries).toEqual([]);
  });
});

describe('a tenant', () => {
  it('has no more open batches than it may have, and room again when one has ended', async () => {
    const { store, facts, running } = await someBatches({ maxOpen: 2 });
    const batch = await running(1);
    const more = await Promise.all([1, 2].map(() => store.create('t1', facts, HOUR_MS)));
    await store.record(batch.id, good(0));
    await store.finish(batch, NO_FILES);

    const again = await store.create('t1', facts, HOUR_MS);

    expect(more.map(({ kind }) => kind)).toEqual(['created', 'full']);
    expect(again.kind).toBe('created');
  });

  it('begins none with the file of another', async () => {
    const { store, facts, create } = await someBatches();
    const batch = await create();

    expect(await store.create('t2', facts, HOUR_MS)).toEqual({ kind: 'no_file' });
    expect(await store.find('t2', batch.id)).toBeUndefined();
    expect((await store.list('t2', { limit: 10, order: 'desc' })).entries).toEqual([]);
  });
});
