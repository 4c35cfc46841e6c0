import { describe, expect, test } from 'vitest';
import { isTimeZone, periodStarts } from '../../../src/core/periods.ts';

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
