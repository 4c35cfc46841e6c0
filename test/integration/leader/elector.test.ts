// @module-tag redis_required
// Electors on a real store, by the clock of the wall.
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Elector, longestGapMs } from '../../../src/leader/elector.ts';
import { LeaseRecord } from '../../../src/leader/lease-record.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const LIFE_MS = 600;

describe('electors on a real store', () => {
  const fleet = (cell: string, names: readonly string[]): Elector[] =>
    names.map((holder) => {
      const lifeMs = LIFE_MS;
      const options = { redis: store.redis, cell, keyStyle: 'plain', holder, lifeMs } as const;
      const record = new LeaseRecord({ ...options, gapMs: longestGapMs(lifeMs) });
      const elector = new Elector({ record, holder, lifeMs });
      onTestFinished(() => elector.stop());
      return elector;
    });

  it('elect one of them, and another one once that has stopped', async () => {
    const electors = fleet(store.cell(), ['a', 'b', 'c']);
    const begin = (): Promise<Elector> =>
      Promise.race(electors.map((one) => once(one.events, 'began').then(() => one)));

    const first = begin();
    await Promise.all(electors.map((one) => one.start()));
    const leader = await first;
    const term = leader.leading()!.term;
    const second = begin();
    await leader.stop();
    const next = await second;

    expect(next).not.toBe(leader);
    expect(next.leading()?.term).toBe(term + 1);
    expect(electors.filter((one) => one.leading() !== undefined)).toEqual([next]);
  });
});
