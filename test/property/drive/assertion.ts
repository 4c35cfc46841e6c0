// Runs scenarios as often, and from such a seed, as the environment says, and prints both.
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import type { Scenario } from '../commands.ts';
import { Coverage } from './coverage.ts';
import { World } from './world.ts';

const { PROPERTY_SEED, PROPERTY_RUNS, TEST_SEED } = process.env;
/** PROPERTY_SEED (or TEST_SEED, with which the order is shuffled) repeats a run. */
const SEED = Number(PROPERTY_SEED ?? TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** PROPERTY_RUNS makes it longer. */
const RUNS = Number(PROPERTY_RUNS ?? 150);
/** Making a failing sequence shorter may take long: what there is by then is shown. */
const MOST_MS = 90_000;

/** Rejects with the shortest failing sequence that was found; else tells what was met. */
export async function holdsFor(
  redis: Redis,
  scenario: fc.Arbitrary<Scenario>,
  part = 1,
): Promise<Coverage> {
  const coverage = new Coverage();
  const numRuns = Math.ceil(RUNS * part);
  const property = fc.asyncProperty(scenario, (drawn) => play(redis, drawn, coverage));
  console.log(`PROPERTY_SEED=${SEED} PROPERTY_RUNS=${RUNS}: ${numRuns} scenarios`);
  await fc.assert(property, { seed: SEED, numRuns, interruptAfterTimeLimit: MOST_MS });
  console.log(`met: ${coverage.toString()}`);
  return coverage;
}

/** One scenario from an empty server to a cell at rest. */
export async function play(
  redis: Redis,
  { commands, ...start }: Scenario,
  coverage = new Coverage(),
): Promise<void> {
  const world = await World.begin(redis, { ...start, coverage });
  for (const command of commands) await world.run(command);
  await world.drain();
}
