// @module-tag redis_required
// Provenance that is brought in, against a real store: each input once, what retention would trim, an
// interruption and going on, what verify tells apart, and the way out and in again.
import { beforeEach, describe, expect, it } from 'vitest';
import { exportTo } from '../../../src/cli/provenance/export.ts';
import type { BackfillStore } from '../../../src/costsim/backfill-store.ts';
import { readDrift } from '../../../src/costsim/drift.ts';
import { cellKeys, type CellKeys } from '../../../src/redis/keys.ts';
import { aRecord, smallBounds, someRecords, TestCostsim } from '../../support/costsim.ts';
import {
  aFile,
  aLine,
  aStore,
  bring,
  compare,
  hashOf,
  lines,
  NOW_MS,
  ROOMY,
} from '../../support/backfill.ts';
import { useRedis } from '../../support/redis.ts';

const redis = useRedis();
let cell: string;
let keys: CellKeys;
let store: BackfillStore;

beforeEach(() => {
  cell = redis.cell();
  keys = cellKeys(cell);
  store = aStore(redis.redis, cell);
});

const held = async (): Promise<number> => await redis.redis.xlen(keys.provenance);
const old = { time: NOW_MS - ROOMY.retentionMs - 1 };

describe('backfill', () => {
  it('stores good lines, and tells bad ones by their number', async () => {
    const file = await aFile([aLine(1), '{bad', aLine(2), aLine(3, { model: '' })]);

    const { plan, bad, done } = await bring(store, file);

    expect(plan.tally).toMatchObject({ lines: 4, bad: 2 });
    expect(bad.map(({ line }) => line)).toEqual([2, 4]);
    expect(done.stored).toBe(2);
    expect(await held()).toBe(2);
  });

  it('stores each input once: of one source, of another, and when it runs again', async () => {
    const file = await aFile([...lines(600), ...lines(300)]);

    const first = await bring(store, file);
    const again = await bring(store, file);
    const other = await bring(store, await aFile(lines(700)));

    expect(first.plan).toMatchObject({ toStore: 600, tally: { repeated: 300 } });
    expect([first.done.stored, again.done.stored, other.done.stored]).toEqual([600, 0, 100]);
    expect(again.plan).toMatchObject({ known: 600, toStore: 0 });
    expect(await held()).toBe(700);
  });

  it('takes live records for no copy of a baseline: they have ids of their own', async () => {
    const costsim = new TestCostsim(redis.redis, { cell });
    costsim.now = NOW_MS;
    await costsim.observe([aRecord({ inputHash: hashOf(1) }), aRecord({ inputHash: hashOf(1) })]);

    const { done } = await bring(store, await aFile([aLine(1)]));

    expect(done.stored).toBe(1);
    expect(await held()).toBe(3);
  });

  it('says what retention would trim by age, and does not store it', async () => {
    const file = await aFile([...lines(3, old), ...lines(2, {}, 10)]);

    const { plan, done } = await bring(store, file);

    expect(plan).toMatchObject({ tooOld: 3, beyond: 0, toStore: 2 });
    expect(done.stored).toBe(2);
  });

  it('says what retention would trim by number, keeps the last ones, and settles on them', async () => {
    const bounds = { ...ROOMY, maxRecords: 500 };
    const costsim = new TestCostsim(redis.redis, { cell });
    costsim.now = NOW_MS;
    await costsim.observe(someRecords(100));
    const file = await aFile(lines(1000));

    const first = await bring(store, file, { bounds });
    const again = await bring(store, file, { bounds });

    expect(first.plan).toMatchObject({ held: 100, beyond: 600, toStore: 400 });
    expect(first.done.stored).toBe(400);
    expect(again.plan).toMatchObject({ known: 400, beyond: 600, toStore: 0 });
    expect(await held()).toBe(500);
    expect(await store.find([hashOf(599), hashOf(600)])).toMatchObject([
      undefined,
      { inputHash: hashOf(600) },
    ]);
  });

  it('ends between two batches when it is interrupted, and goes on from there', async () => {
    const file = await aFile(lines(1000));
    const interrupt = new AbortController();
    const onProgress = (): void => interrupt.abort('SIGINT');

    const cut = await bring(store, file, { signal: interrupt.signal, onProgress });
    const rest = await bring(store, file);

    expect(cut.done.tally.isCut).toBe(true);
    expect(cut.done.last).toMatchObject({ line: 250 });
    expect([cut.done.stored, rest.done.stored]).toEqual([250, 750]);
    expect(await held()).toBe(1000);
  });

  it('adds the drift of v2 against v1, once, and none against actuals', async () => {
    const figures = { input_tokens: 10, output_tokens: 20, cost_micro: 33 };
    const file = await aFile(lines(20, { v2: figures, actual: figures }));

    await bring(store, file);
    await bring(store, file);

    const from = { redis: redis.redis, keys, windowMs: () => 12_000, clock: () => NOW_MS };
    const drift = await readDrift(from);
    expect(drift.map(({ against, model, samples }) => [against, model, samples])).toEqual([
      ['baseline', undefined, 20],
      ['baseline', 'gpt-4', 20],
    ]);
    expect(drift[0]?.p95).toBeCloseTo(0.1, 2);
  });
});

describe('the index of inputs', () => {
  it('is trimmed with the stream', async () => {
    const config = smallBounds({ provenance: { maxRecords: 100, retentionMs: 10_000_000 } });
    const costsim = new TestCostsim(redis.redis, { cell, config });
    costsim.now = NOW_MS;
    await bring(store, await aFile(lines(500)));

    await costsim.observe(someRecords(50));

    const baselines = (await held()) - 50;
    expect(baselines).toBeLessThan(200);
    expect(await redis.redis.zcard(keys.provenanceInputs)).toBe(baselines);
  });

  it('goes when the stream goes, and is believed nothing of what is not there', async () => {
    const file = await aFile(lines(10));
    await bring(store, file);
    await redis.redis.del(keys.provenance);

    const { done } = await bring(store, file);

    expect(done.stored).toBe(10);
    expect(await held()).toBe(10);
  });

  it('leads to every record, however many come within one millisecond', async () => {
    const { done } = await bring(store, await aFile(lines(2600)));

    const { identical } = await compare(store, await aFile(lines(2600)));

    expect([done.stored, identical]).toEqual([2600, 2600]);
  });
});

describe('verify', () => {
  it('tells identical, different, missing, trimmed, repeated and bad lines apart', async () => {
    await bring(store, await aFile([...lines(5), aLine(5), aLine(6)]));
    const changed = aLine(5, { model: 'gpt-5', v1: { input_tokens: 10, output_tokens: 21 } });
    const file = await aFile([...lines(5), changed, aLine(7), aLine(8, old), aLine(1), '{bad']);

    const found = await compare(store, file);

    expect(found).toMatchObject({ identical: 5, different: 1, missing: 1, tooOld: 1, beyond: 0 });
    expect(found.tally).toMatchObject({ repeated: 1, bad: 1 });
    expect(found.differences).toMatchObject([{ file, line: 6, inputHash: hashOf(5) }]);
    expect([...(found.differences[0]?.fields ?? [])].sort()).toEqual([
      'model',
      'route',
      'v1.cost_micro',
      'v1.output_tokens',
    ]);
    expect(found.missed).toEqual([{ file, line: 7, inputHash: hashOf(7) }]);
  });

  it('takes the first ones of a full store for trimmed, and a gap for missing', async () => {
    const bounds = { ...ROOMY, maxRecords: 500 };
    const file = await aFile(lines(1000));
    await bring(store, file, { bounds });
    const [gap] = await redis.redis.xrevrange(keys.provenance, '+', '-', 'COUNT', 1);

    const before = await compare(store, file, { bounds });
    await redis.redis.xdel(keys.provenance, gap?.[0] ?? '');
    await redis.redis.xadd(keys.provenance, '*', 'record', 'another');
    const after = await compare(store, file, { bounds });

    expect(before).toMatchObject({ identical: 500, missing: 0, beyond: 500 });
    expect(after).toMatchObject({ identical: 499, missing: 1, beyond: 500 });
  });

  it('calls what cannot be read different, and compares no time that a line does not tell', async () => {
    const file = await aFile([aLine(1, { time: undefined }), aLine(2)]);
    await bring(store, file);
    const score = await redis.redis.zscore(keys.provenanceInputs, hashOf(2));
    await redis.redis.xadd(keys.provenance, `${NOW_MS + 5}-7`, 'record', 'junk');
    await redis.redis.zadd(keys.provenanceInputs, (NOW_MS + 5) * 1000 + 7, hashOf(2));

    const found = await compare(store, file);

    expect(score).not.toBeNull();
    expect(found).toMatchObject({ identical: 1, different: 1 });
    expect(found.differences).toMatchObject([{ fields: ['record'] }]);
  });
});

describe('export', () => {
  it('writes what backfill takes: the same records on another cell', async () => {
    const costsim = new TestCostsim(redis.redis, { cell });
    costsim.now = NOW_MS;
    await costsim.observe([aRecord({ inputHash: hashOf('live'), atMs: NOW_MS - 5 })]);
    await bring(store, await aFile(lines(1200)));
    const file = await aFile([]);
    const other = aStore(redis.redis, redis.cell());

    const source = { redis: redis.redis, cell, keyStyle: 'plain' } as const;
    const { written } = await exportTo(file, source, {});
    const { done, bad } = await bring(other, file);
    const found = await compare(other, file);

    expect([written, bad.length, done.stored, found.identical]).toEqual([1201, 0, 1201, 1201]);
  });

  it('writes only what is wanted, and counts what cannot be read', async () => {
    await bring(
      store,
      await aFile([...lines(5), ...lines(5, { model: 'm', time: NOW_MS - 9 }, 5)]),
    );
    await redis.redis.xadd(keys.provenance, '*', 'record', 'junk');
    const source = { redis: redis.redis, cell, keyStyle: 'plain' } as const;
    const file = await aFile([]);
    const count = async (wanted: object): Promise<number> =>
      (await exportTo(file, source, wanted)).written;

    expect(await count({ model: 'm' })).toBe(5);
    expect(await count({ sinceMs: NOW_MS - 1 })).toBe(5);
    expect(await count({ untilMs: NOW_MS - 1 })).toBe(5);
    expect(await count({ limit: 3 })).toBe(3);
    expect(await exportTo(file, source, {})).toEqual({ written: 10, unreadable: 1 });
  });
});
