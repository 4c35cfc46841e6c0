// @module-tag redis_required
// Whatever befalls daemons, network and store, in simulated time on a real Redis: at most one daemon
// believes that it leads, no former leader’s write is carried out, and somebody leads again.
// `npm run leader` does more of it, and in real processes too.
import { describe, expect, it } from 'vitest';
import { freshSeed } from '../../src/sim/random.ts';
import { simulate } from '../leader/simulation.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const RUNS = Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 150) / 5);
const FIRST_SEED = Number(process.env['PROPERTY_SEED'] ?? freshSeed());

/** A run in which nothing happens proves nothing. */
const MUST_MEET = [
  'kill of a leader',
  'pause of a leader',
  'stop of a leader',
  'flush',
  'jump ahead',
  'short jump ahead',
  'jump back',
  'stop of the store',
  'restart with all of its data',
  'restart with most of its data',
  'restart with nothing of its data',
];

describe(`a cell’s leader, in ${RUNS} runs from seed ${FIRST_SEED} on,`, () => {
  it('is alone, writes nothing late, and has a successor', async () => {
    const met = new Set<string>();
    const wrong: unknown[] = [];
    let [terms, refused] = [0, 0];

    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const found = await simulate(store.redis, seed);
      for (const fault of Object.keys(found.faults)) met.add(fault);
      terms += found.terms;
      refused += found.refused;
      const { overlaps, lateWrites, isSettled } = found;
      if (overlaps.length + lateWrites.length > 0 || !isSettled) wrong.push(found);
    }

    expect(wrong).toEqual([]);
    expect(MUST_MEET.filter((fault) => !met.has(fault))).toEqual([]);
    expect(terms).toBeGreaterThan(3 * RUNS);
    expect(refused).toBeGreaterThan(0);
  });
});
