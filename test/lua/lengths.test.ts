// @module-tag redis_required
// Learned lengths of answers by an integer clock: what daemons tell, hear, decay and forget.
import { describe, expect, it } from 'vitest';
import { Lengths, type LengthsOptions } from '../../src/costs/lengths.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const OF = { tenant: 't', route: 'chat', model: 'gpt-4o' };
const HOUR_MS = 3_600_000;

interface Wish {
  readonly cell?: string;
  readonly quantile?: number;
  readonly most?: number;
}

/** A daemon, and the clock of its store. */
function aDaemon({ cell = store.cell(), quantile = 0.5, most = 100 }: Wish = {}) {
  const clock = { nowMs: 10_000_000_000 };
  const config = { outputQuantile: quantile, halfLifeMs: HOUR_MS, minSamples: 10 };
  const options: LengthsOptions = {
    redis: store.redis,
    cell,
    keyStyle: 'plain',
    config: () => ({ ...config, maxLearned: most }),
    clock: () => clock.nowMs,
  };
  const lengths = new Lengths(options);
  const see = (tokens: readonly number[], of = OF, cachedInputTokens = 0): void => {
    for (const outputTokens of tokens) {
      lengths.note(of, { outputTokens, inputTokens: 1000, cachedInputTokens });
    }
  };
  return { cell, clock, lengths, see, keys: cellKeys(cell) };
}

const times = (count: number, tokens: number): number[] => Array<number>(count).fill(tokens);

/** Lengths are known to a twentieth. */
function expectAbout(tokens: number | undefined, expected: number): void {
  expect(tokens).toBeGreaterThan(expected * 0.95);
  expect(tokens).toBeLessThan(expected * 1.05);
}

describe('learned lengths', () => {
  it.each([
    [0.5, 100],
    [0.9, 1000],
    [0.05, 10],
  ])('are the quantile that is configured: %d', async (quantile, expected) => {
    const { lengths, see } = aDaemon({ quantile });

    see([...times(5, 10), ...times(25, 100), ...times(10, 1000)]);
    await lengths.tell();

    expectAbout(lengths.find(OF).outputTokens, expected);
  });

  it('are not known before enough answers were seen', async () => {
    const { lengths, see } = aDaemon();

    see(times(9, 100));
    await lengths.tell();
    const few = lengths.find(OF).outputTokens;
    see(times(1, 100));
    await lengths.tell();

    expect(few).toBeUndefined();
    expectAbout(lengths.find(OF).outputTokens, 100);
  });

  it('of a tenant go before those of the route, and these before those of the model', async () => {
    const { lengths, see } = aDaemon();

    see(times(20, 50), { ...OF, tenant: 'short' });
    see(times(60, 500), { ...OF, tenant: 'long' });
    see(times(400, 5000), { ...OF, route: 'essays' });
    await lengths.tell();

    expectAbout(lengths.find({ ...OF, tenant: 'short' }).outputTokens, 50);
    expectAbout(lengths.find({ ...OF, tenant: 'new' }).outputTokens, 500);
    expectAbout(lengths.find({ ...OF, route: 'new' }).outputTokens, 5000);
    expect(lengths.find({ ...OF, model: 'new' }).outputTokens).toBeUndefined();
  });

  it('are heard by every daemon of the cell', async () => {
    const one = aDaemon();
    const other = aDaemon({ cell: one.cell });

    one.see(times(6, 100), OF, 250);
    other.see(times(6, 100), OF, 250);
    await one.lengths.tell();
    await other.lengths.tell();
    await one.lengths.tell();

    expectAbout(one.lengths.find(OF).outputTokens, 100);
    expect(other.lengths.find(OF)).toEqual(one.lengths.find(OF));
    expect(one.lengths.find(OF).cachedShare).toBeCloseTo(0.25);
  });

  it('are told once: without anything new nothing is read', async () => {
    const { lengths, see, keys } = aDaemon();
    see(times(20, 100));
    await lengths.tell();
    await store.redis.hset(keys.lengths, 't\tchat\tgpt-4o', 'broken');

    await lengths.tell();

    expectAbout(lengths.find(OF).outputTokens, 100);
  });

  it('count half after the half-life: what is new outweighs what is old', async () => {
    const { lengths, see, clock } = aDaemon();
    see(times(40, 100));
    await lengths.tell();

    clock.nowMs += 2 * HOUR_MS;
    see(times(15, 700));
    await lengths.tell();

    expectAbout(lengths.find(OF).outputTokens, 700);
  });

  it('that are old are not enough any more', async () => {
    const { lengths, see, clock } = aDaemon();
    see(times(12, 100));
    await lengths.tell();

    clock.nowMs += HOUR_MS;
    await lengths.tell();

    expect(lengths.find(OF).outputTokens).toBeUndefined();
  });

  it('do not decay when the clock goes back', async () => {
    const { lengths, see, clock } = aDaemon();
    see(times(40, 100));
    await lengths.tell();

    clock.nowMs -= 2 * HOUR_MS;
    see(times(15, 700));
    await lengths.tell();

    expectAbout(lengths.find(OF).outputTokens, 100);
  });

  it('are bounded: the longest unused are forgotten', async () => {
    const { lengths, see, keys } = aDaemon({ most: 12 });

    for (let i = 0; i < 30; i += 1) {
      see([100], { ...OF, tenant: `tenant-${i}` });
      await lengths.tell();
    }

    const names = await store.redis.hkeys(keys.lengths);
    expect(names).toHaveLength(13);
    expect(names).toContain('tenant-29\tchat\tgpt-4o');
    expect(names).toContain('\t\tgpt-4o');
    expect(await store.redis.zcard(keys.lengthsUsed)).toBe(13);
  });

  it('more than a call brings come with the next ones', async () => {
    const one = aDaemon({ most: 1000 });
    for (let i = 0; i < 700; i += 1) one.see(times(10, 100), { ...OF, tenant: `tenant-${i}` });
    for (let i = 0; i < 4; i += 1) await one.lengths.tell();
    const other = aDaemon({ cell: one.cell, most: 1000 });
    const last = { ...OF, tenant: 'tenant-699' };

    const known = [];
    for (let i = 0; i < 3; i += 1) {
      await other.lengths.tell();
      known.push(other.lengths.find({ ...OF, tenant: 'tenant-0' }).outputTokens);
    }

    expect(known.at(-1)).toBeDefined();
    expectAbout(other.lengths.find(last).outputTokens, 100);
    expect(await store.redis.hlen(one.keys.lengths)).toBe(703);
  });

  it('that cannot be read count for nothing and are written over', async () => {
    const { lengths, see, keys } = aDaemon();
    await store.redis.hset(keys.lengths, 't\tchat\tgpt-4o', 'broken');

    see(times(20, 100));
    await lengths.tell();

    expectAbout(lengths.find(OF).outputTokens, 100);
  });

  it('begin again in a store that has lost its data', async () => {
    const { lengths, see, keys, clock } = aDaemon();
    see(times(20, 100));
    await lengths.tell();
    await store.redis.del(keys.lengths, keys.lengthsUsed);
    clock.nowMs += 1;

    see(times(20, 900));
    await lengths.tell();

    expectAbout(lengths.find(OF).outputTokens, 900);
  });
});
