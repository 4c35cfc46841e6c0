// Repeatable randomness for the simulator and the load script: one seed, one sequence.
// Not for secrets or ids.

/** The next number of a sequence, in [0, 1). */
export type Random = () => number;

/** Tommy Ettinger's mulberry32: 32-bit steps through Math.imul, so nothing overflows 2^53. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** An integer from `min` to `max`, both included. */
export function integerBetween(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}

/** A seed for a run that was given none; it is printed, so that the run can be repeated. */
export function freshSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}
