// @module-tag redis_required
// The provider of a run, as the store keeps it.
import { describe, expect, it } from 'vitest';
import { cellKeys, type CellKeys } from '../../../src/redis/keys.ts';
import { RunProviders } from '../../../src/sessions/run-provider.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const HOUR_MS = 3_600_000;

interface Bench {
  readonly runs: RunProviders;
  readonly keys: CellKeys;
  /** Cell time in ms; a test sets it. */
  nowMs: number;
}

function aStore(maxRemembered = 100): Bench {
  const cell = store.cell();
  const options = {
    redis: store.redis,
    cell,
    keyStyle: 'plain' as const,
    maxRemembered: () => maxRemembered,
  };
  const bench: Bench = {
    runs: new RunProviders({ ...options, clock: () => bench.nowMs }),
    keys: cellKeys(cell),
    nowMs: 0,
  };
  return bench;
}

describe('the provider of a run', () => {
  it('is the first one that was told, also for callers who come at once', async () => {
    const { runs } = aStore();
    const run = { tenant: 't', run: 'r' };

    const told = await Promise.all(['a', 'b', 'c'].map((pool) => runs.remember(run, pool)));

    expect(new Set(told).size).toBe(1);
    expect(await runs.remember(run, 'd')).toBe(told[0]);
    expect(await runs.find(run)).toBe(told[0]);
  });

  it('is unknown before, and looking does not change that', async () => {
    const { runs, keys } = aStore();

    expect(await runs.find({ tenant: 't', run: 'r' })).toBeUndefined();

    expect(await store.redis.exists(keys.runs, keys.runsUsed)).toBe(0);
  });

  it('belongs to the tenant: another one’s run of the same name is another run', async () => {
    const { runs } = aStore();

    await runs.remember({ tenant: 't', run: 'r' }, 'a');

    expect(await runs.find({ tenant: 'u', run: 'r' })).toBeUndefined();
  });

  it('is kept under a digest, never under the caller’s words', async () => {
    const { runs, keys } = aStore();

    await runs.remember({ tenant: 't', run: 'secret-run' }, 'a');

    const fields = await store.redis.hkeysBuffer(keys.runs);
    expect(fields.map((field) => field.length).sort()).toEqual([1, 32]);
  });
});

describe('the memory of runs', () => {
  it('forgets the longest unused beyond its bound', async () => {
    const bench = aStore(2);
    const [a, b, c] = ['a', 'b', 'c'].map((run) => ({ tenant: 't', run }));

    for (const run of [a!, b!]) {
      await bench.runs.remember(run, 'pool');
      bench.nowMs += HOUR_MS;
    }
    await bench.runs.find(a!);
    bench.nowMs += HOUR_MS;
    await bench.runs.remember(c!, 'pool');

    const found = await Promise.all([a!, b!, c!].map((run) => bench.runs.find(run)));
    expect(found).toEqual(['pool', undefined, 'pool']);
    expect(await store.redis.hlen(bench.keys.runs)).toBe(3);
    expect(await store.redis.zcard(bench.keys.runsUsed)).toBe(3);
  });

  it('writes the use of a busy run once a minute, not once a request', async () => {
    const bench = aStore();
    const run = { tenant: 't', run: 'r' };
    const uses: (string | undefined)[] = [];

    for (const nowMs of [60_000, 60_001, 119_999, 120_000]) {
      bench.nowMs = nowMs;
      await bench.runs.remember(run, 'pool');
      uses.push((await store.redis.zrange(bench.keys.runsUsed, '0', '0', 'WITHSCORES'))[1]);
    }

    expect(uses.map(Number)).toEqual([60_000, 60_000, 60_000, 120_000]);
  });

  it('comes down to a bound that was lowered, a few runs at a time', async () => {
    const bench = aStore();
    for (let i = 0; i < 30; i += 1) await bench.runs.remember({ tenant: 't', run: `r${i}` }, 'p');
    const { redis } = store;
    const cell = /\{(.*)\}/.exec(bench.keys.runs)![1]!;
    const smaller = new RunProviders({ redis, cell, keyStyle: 'plain', maxRemembered: () => 5 });

    for (let i = 0; i < 3; i += 1) await smaller.remember({ tenant: 't', run: `new${i}` }, 'p');

    expect(await redis.hlen(bench.keys.runs)).toBe(6);
    expect(await redis.zcard(bench.keys.runsUsed)).toBe(6);
  });
});
