// @module-tag redis_required
// The stream of provenance: what is kept, once, and for how long.
import { describe, expect, it } from 'vitest';
import type { ProvenanceRecord } from '../../../src/core/estimates.ts';
import { decodeRecord, encodeRecord, readProvenance } from '../../../src/costsim/provenance.ts';
import { aRecord, figures, smallBounds, someRecords, TestCostsim } from '../../support/costsim.ts';
import { useRedis } from '../../support/redis.ts';

const redis = useRedis();

const aCell = (provenance: object = {}): TestCostsim =>
  new TestCostsim(redis.redis, { cell: redis.cell(), config: smallBounds({ provenance }) });

async function stored(cell: TestCostsim, options = {}): Promise<(ProvenanceRecord | undefined)[]> {
  const found: (ProvenanceRecord | undefined)[] = [];
  const source = { redis: redis.redis, key: cell.store.keys.provenance };
  for await (const { record } of readProvenance(source, options)) found.push(record);
  return found;
}

const FULL = aRecord({
  v2: { inputTokens: 7, outputTokens: 8, cachedInputTokens: 3, costMicro: undefined },
  basis: {
    characters: 12,
    attachments: 1,
    answers: 2,
    outputLimit: 100,
    countedTokens: undefined,
    outOfScope: ['audio'],
  },
});

describe('a record', () => {
  it.each([
    ['a full one', FULL],
    ['one of v1 alone', aRecord({ v2: undefined, actual: undefined })],
    ['one without prices', aRecord({ v1: figures(undefined), actual: figures(undefined) })],
  ])('comes back as it was: %s', (_what, record) => {
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it.each(['', '{}', '[]', '[1]', '[2,"x"]', 'x', `[${'1,'.repeat(14)}1]`])(
    'is not made of %j',
    (text) => {
      expect(decodeRecord(text)).toBeUndefined();
    },
  );
});

describe('the stream', () => {
  it('keeps records in their order, under the cell time, and gives them in pages', async () => {
    const cell = aCell();
    const records = someRecords(7);
    await cell.observe(records.slice(0, 4));
    cell.now = 2000;
    await cell.observe(records.slice(4));

    const all = await stored(cell, { page: 3 });
    const late = await stored(cell, { sinceMs: 2000 });
    const newest = await stored(cell, { newestFirst: true, page: 2 });

    expect(all).toEqual(records);
    expect(late).toEqual(records.slice(4));
    expect(newest).toEqual([...records].reverse());
  });

  it('has a batch once, whose answer was lost and which was told again', async () => {
    const cell = aCell();
    const records = someRecords(3, { drift: 0.1 });

    await cell.observe(records, 'same');
    cell.now += 1000;
    const { breaker } = await cell.observe(records, 'same');

    expect(await stored(cell)).toHaveLength(3);
    expect(breaker.samples).toBe(3);
  });

  it('holds at most as many as configured, and a node of the stream', async () => {
    const cell = aCell({ maxRecords: 100 });

    for (let i = 0; i < 10; i += 1) await cell.observe(someRecords(50));

    const held = await redis.redis.xlen(cell.store.keys.provenance);
    expect(held).toBeGreaterThanOrEqual(100);
    expect(held).toBeLessThanOrEqual(200);
  });

  it('forgets what is older than its retention, by whole nodes', async () => {
    const cell = aCell({ retentionMs: 1000 });
    await cell.observe(someRecords(250));
    cell.now += 2000;

    await cell.observe(someRecords(1));

    expect(await redis.redis.xlen(cell.store.keys.provenance)).toBeLessThanOrEqual(101);
  });

  it('goes on when the clock was set back', async () => {
    const cell = aCell();
    cell.now = 50_000;
    await cell.observe(someRecords(1));
    cell.now = 1000;

    await cell.observe(someRecords(2));

    expect(await stored(cell)).toHaveLength(3);
  });

  it('passes over what is no record', async () => {
    const cell = aCell();
    await cell.observe(someRecords(1));
    await redis.redis.xadd(cell.store.keys.provenance, '*', 'record', 'junk');
    await redis.redis.xadd(cell.store.keys.provenance, '*', 'other', 'x');

    const found = await stored(cell);

    expect(found.map((record) => record === undefined)).toEqual([false, true, true]);
  });
});
