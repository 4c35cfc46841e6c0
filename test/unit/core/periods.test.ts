import { describe, expect, test } from 'vitest';
import { isTimeZone, periodStarts, timesOfDay } from '../../../src/core/periods.ts';

const iso = (starts: readonly number[]): string[] => starts.map((ms) => new Date(ms).toISOString());

describe('periods', () => {
  test('days begin at local midnight, also where the clocks change', () => {
    const fromMs = Date.UTC(2026, 2, 28, 12);

    const starts = periodStarts('day', { timeZone: 'Europe/Berlin', fromMs, count: 3 });

    expect(iso(starts)).toEqual([
      '2026-03-27T23:00:00.000Z',
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ]);
  });

  test('the first period contains the time that is given', () => {
    const fromMs = Date.UTC(2026, 10, 1, 3);

    const starts = periodStarts('month', { timeZone: 'America/New_York', fromMs, count: 2 });

    expect(iso(starts)).toEqual(['2026-10-01T04:00:00.000Z', '2026-11-01T04:00:00.000Z']);
  });

  test('a day whose midnight is skipped begins at the first time that exists', () => {
    const fromMs = Date.UTC(2018, 10, 3, 12);

    const starts = periodStarts('day', { timeZone: 'America/Sao_Paulo', fromMs, count: 2 });

    expect(iso(starts)).toEqual(['2018-11-03T03:00:00.000Z', '2018-11-04T03:00:00.000Z']);
  });

  test('without a period there are no boundaries', () => {
    const starts = periodStarts('none', { timeZone: 'UTC', fromMs: 0, count: 5 });

    expect(starts).toEqual([]);
  });

  test('boundaries rise over years in every zone that is tried', () => {
    for (const timeZone of ['UTC', 'Asia/Kathmandu', 'Pacific/Apia', 'Africa/Casablanca']) {
      const starts = periodStarts('day', { timeZone, fromMs: Date.UTC(2011, 11, 1), count: 800 });

      expect(starts.every((ms, i) => i === 0 || ms > (starts[i - 1] ?? ms))).toBe(true);
    }
  });

  test('a time zone that does not exist is known as such', () => {
    expect([isTimeZone('Europe/Berlin'), isTimeZone('Mars/Olympus')]).toEqual([true, false]);
  });
});

describe('a time of day', () => {
  test('is told for the day before, the day and the next one', () => {
    const aroundMs = Date.UTC(2026, 6, 10, 12);

    const times = timesOfDay(3 * 60 + 30, { timeZone: 'Asia/Kathmandu', aroundMs });

    expect(iso(times)).toEqual([
      '2026-07-08T21:45:00.000Z',
      '2026-07-09T21:45:00.000Z',
      '2026-07-10T21:45:00.000Z',
    ]);
  });

  test('that is skipped comes later, and one that is repeated counts the first time', () => {
    const at = (aroundMs: number): number =>
      timesOfDay(2 * 60 + 30, { timeZone: 'Europe/Berlin', aroundMs })[1]!;

    const [skipped, repeated] = [at(Date.UTC(2026, 2, 29, 12)), at(Date.UTC(2026, 9, 25, 12))];

    expect(iso([skipped, repeated])).toEqual([
      '2026-03-29T01:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
    ]);
  });
});
