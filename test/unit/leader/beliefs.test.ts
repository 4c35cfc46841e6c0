// The judge of runs with real processes must find what they are to show.
import { describe, expect, it } from 'vitest';
import { overlaps, tenancies, type Belief } from '../../leader/beliefs.ts';
import { lateWrites } from '../../leader/notes.ts';

const leads = (holder: string, term: number, atMs: number, untilMs: number): Belief => {
  return { kind: 'leads', holder, term, atMs, untilMs };
};
const NOBODY = new Map<string, number>();

describe('two leaderships that share a moment', () => {
  it('are found, also where one was only believed by a stopped process', () => {
    const beliefs = [leads('a', 1, 0, 100), leads('a', 1, 60, 160), leads('b', 2, 150, 250)];

    expect(overlaps(tenancies(beliefs, NOBODY))).toEqual(['a (term 1) and b (term 2) for 10.0 ms']);
  });

  it('are none where the first had ended, by itself or by a kill', () => {
    const ended: Belief = { kind: 'ended', holder: 'a', term: 1, atMs: 120 };
    const beliefs = [leads('a', 1, 0, 160), leads('b', 2, 150, 250)];

    expect(overlaps(tenancies([...beliefs, ended], NOBODY))).toEqual([]);
    expect(overlaps(tenancies(beliefs, new Map([['a', 130]])))).toEqual([]);
  });

  it('are not hidden by an end that was noted late', () => {
    const late: Belief = { kind: 'ended', holder: 'a', term: 1, atMs: 900 };
    const beliefs = [leads('a', 1, 0, 160), late, leads('b', 2, 150, 250)];

    expect(overlaps(tenancies(beliefs, NOBODY))).toHaveLength(1);
  });
});

describe('a late write', () => {
  it('is one of a tenure that comes again after another one', () => {
    expect(lateWrites(['a 1', 'a 1', 'b 2', 'a 1', 'b 2'])).toEqual(['a 1', 'b 2']);
    expect(lateWrites(['a 1', 'b 2', 'b 2', 'a 3'])).toEqual([]);
  });
});
