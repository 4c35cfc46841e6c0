// How old another daemon's tick is at most, told from what this one has sent and seen.
import { describe, expect, it } from 'vitest';
import { Sightings } from '../../../src/scheduler/sightings.ts';

const pair = (sequence: number, incarnation = 1) => ({ incarnation, sequence });

/** Has seen the ticks 10, 20 and 30 of incarnation 1, sent at 100, 200 and 300. */
function someSightings(): Sightings {
  const sightings = new Sightings();
  for (const sequence of [10, 20, 30]) sightings.note(pair(sequence), 10 * sequence);
  return sightings;
}

describe('a tick of another daemon', () => {
  it.each([
    ['after the last one that is known', pair(31), 300],
    ['between two of them', pair(25), 200],
    ['with the number of one of them: after the one before', pair(20), 100],
    ['in a later incarnation', pair(1, 2), 300],
    ['before all of them: at any time', pair(10), -Infinity],
    ['in an older incarnation: at any time', pair(99, 0), -Infinity],
  ])('was executed %s', (_, asked, after) => {
    const sightings = someSightings();

    const before = sightings.before(asked);

    expect(before).toBe(after);
  });

  it('is not younger for answers that come out of order', () => {
    const sightings = someSightings();
    sightings.note(pair(29), 400);

    const before = sightings.before(pair(30));

    expect(before).toBe(200);
  });

  it('is of any age once too many others were seen since', () => {
    const sightings = someSightings();
    for (let sequence = 40; sequence < 2000; sequence += 1) {
      sightings.note(pair(sequence), 100 * sequence);
    }

    const ages = [pair(31), pair(2000)].map((asked) => sightings.before(asked));

    expect(ages).toEqual([-Infinity, 199_900]);
  });
});
