// @module-tag redis_required
// The recorder: what becomes of records while the store is there, away, full, or refuses them.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { costsimSchema } from '../../../src/config/costsim-schema.ts';
import { CostsimEmitter } from '../../../src/costsim/events.ts';
import { readDrift } from '../../../src/costsim/drift.ts';
import { Recorder, type RecorderOptions } from '../../../src/costsim/recorder.ts';
import { aRecord, someRecords, TestCostsim } from '../../support/costsim.ts';
import { useRedis } from '../../support/redis.ts';

const redis = useRedis();

interface Wish {
  readonly observe?: RecorderOptions['store']['observe'];
  readonly maxModels?: number;
}

/** By default one that tells a cell of its own. */
function aRecorder({ observe, maxModels = 32 }: Wish = {}) {
  const cell = new TestCostsim(redis.redis, { cell: redis.cell() });
  const events = new CostsimEmitter();
  const dropped: number[] = [];
  events.on('dropped', ({ records }) => dropped.push(records));
  const provenance = { maxBuffered: 1000 };
  const costsim = costsimSchema.parse({ provenance, drift: { maxModels } });
  const calls: number[] = [];
  const recorder = new Recorder({
    store: {
      observe: async (observed) => {
        calls.push(observed.records.length);
        return await (observe ?? ((one) => cell.store.observe(one)))(observed);
      },
    },
    events,
    config: { costsim, accounts: [{ models: ['gpt-4', 'small'] }] },
    onAnswer: () => undefined,
  });
  const stored = (): Promise<number> => redis.redis.xlen(cell.store.keys.provenance);
  const drift = () => {
    const { keys } = cell.store;
    return readDrift({ redis: redis.redis, keys, clock: () => cell.now, windowMs: () => 12_000 });
  };
  return { recorder, cell, events, dropped, calls, stored, drift };
}

describe('the recorder', () => {
  it('asks the store for nothing until something is recorded', async () => {
    const { recorder, calls } = aRecorder();

    await recorder.tell();
    await recorder.stop();

    expect(calls).toEqual([]);
  });

  it('tells a few hundred records a call, all of them, in their order', async () => {
    const { recorder, calls, stored } = aRecorder();
    for (const record of someRecords(900)) recorder.record(record);

    await recorder.tell();

    expect(calls).toEqual([500, 400]);
    expect(await stored()).toBe(900);
    expect(recorder.waiting).toBe(0);
  });

  it('tells what is left when it stops', async () => {
    const { recorder, stored, dropped } = aRecorder();
    recorder.record(aRecord());

    await recorder.stop();

    expect(await stored()).toBe(1);
    expect(dropped).toEqual([]);
  });

  it('names models of the configuration, so many of them, and no others', async () => {
    const { recorder, drift } = aRecorder({ maxModels: 1 });
    for (const model of ['gpt-4', 'small', 'junk']) recorder.record(aRecord({ model }));

    await recorder.tell();

    const models = (await drift()).map(({ model, samples }) => `${model ?? '*'} ${samples}`);
    expect([...new Set(models)]).toEqual(['* 3', 'gpt-4 1', 'other 2']);
  });
});

describe('while the store is away', () => {
  const away = (): Promise<never> => Promise.reject(new Error('Connection is closed.'));

  it('records wait, and those that do not fit are dropped and counted', async () => {
    const { recorder, events, dropped, calls } = aRecorder({ observe: away });
    const failed = once(events, 'failed');
    for (const record of someRecords(1100)) recorder.record(record);
    for (let i = 0; i < 30; i += 1) await recorder.tell();

    await failed;
    expect(dropped.reduce((sum, one) => sum + one, 0)).toBe(100);
    expect(recorder.waiting).toBe(1000);
    expect(new Set(calls)).toEqual(new Set([500]));
  });

  it('stopping ends, and says how many were lost', async () => {
    const { recorder, dropped } = aRecorder({ observe: away });
    for (const record of someRecords(7)) recorder.record(record);

    await recorder.stop();

    expect(dropped).toEqual([7]);
  });

  it('a batch whose answer was lost is told again, and is there once', async () => {
    let calls = 0;
    const cell = new TestCostsim(redis.redis, { cell: redis.cell() });
    const { recorder } = aRecorder({
      observe: async (observed) => {
        const answer = await cell.store.observe(observed);
        calls += 1;
        if (calls === 1) throw new Error('Command timed out');
        return answer;
      },
    });
    for (const record of someRecords(10)) recorder.record(record);

    await recorder.tell();
    for (const record of someRecords(5)) recorder.record(record);
    await recorder.tell();

    expect(calls).toBe(3);
    expect(await redis.redis.xlen(cell.store.keys.provenance)).toBe(15);
  });
});

describe('a store that is full', () => {
  const full = useRedis();

  it('keeps the records waiting, and has them when there is room', async () => {
    const cell = new TestCostsim(full.redis, { cell: full.cell() });
    const { recorder, dropped } = aRecorder({
      observe: (observed) => cell.store.observe(observed),
    });
    recorder.record(aRecord());
    await full.redis.config('SET', 'maxmemory', '1');

    for (let i = 0; i < 30; i += 1) await recorder.tell();
    const whileFull = recorder.waiting;
    await full.redis.config('SET', 'maxmemory', '0');
    await recorder.tell();

    expect([whileFull, recorder.waiting, dropped.length]).toEqual([1, 0, 0]);
  });

  it('lets the breaker recover all the same', async () => {
    const cell = new TestCostsim(full.redis, { cell: full.cell() });
    await cell.store.trip({ by: 'canary', why: 'failed' });
    cell.now += 10_000;
    await full.redis.config('SET', 'maxmemory', '1');

    const { breaker } = await cell.store.recover();
    await full.redis.config('SET', 'maxmemory', '0');

    expect(breaker.state).toBe('closed');
  });
});

describe('a batch that the script refuses', () => {
  it('is given up after some tries, and the next one is told', async () => {
    const cell = new TestCostsim(redis.redis, { cell: redis.cell() });
    const { recorder, dropped } = aRecorder({
      observe: (observed) => cell.store.observe(observed),
    });
    await redis.redis.set(cell.store.keys.provenance, 'a text');
    for (const record of someRecords(3)) recorder.record(record);
    for (let i = 0; i < 10; i += 1) await recorder.tell();
    await redis.redis.del(cell.store.keys.provenance);

    recorder.record(aRecord());
    await recorder.tell();

    expect(dropped).toEqual([3]);
    expect(await redis.redis.xlen(cell.store.keys.provenance)).toBe(1);
  });
});
