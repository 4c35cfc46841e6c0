// The bars of the fault harness: what a run's reports come to, and how a line of it reads.
import { describe, expect, it } from 'vitest';
import { barLine, barsOf, isShort } from '../../chaos/bars.ts';
import type { Report } from '../../chaos/experiment.ts';

function report(fault: string, change: Partial<Report> = {}): Report {
  return {
    fault,
    measured: {},
    requests: 10,
    served: 10,
    left: 0,
    lost: 0,
    twiceEnded: 0,
    failedOver: 0,
    overtried: 0,
    oversold: 0,
    overage: 0,
    doubleSettled: 0,
    unsettled: 0,
    late: 0,
    errors: {},
    recoverySeconds: 0,
    outageSeconds: 0,
    laneOverlaps: 0,
    stickyPercent: null,
    faultSeconds: 1,
    windowSeconds: 0,
    violations: [],
    ...change,
  };
}

const linesOf = (reports: readonly Report[]): readonly string[] => barsOf(reports).map(barLine);

describe('the bars of a run', () => {
  it('that held all say ok, each with its target', () => {
    const sick = report('one-account-fails', { measured: { grantsAfterTrip: 0 } });

    const lines = linesOf([
      sick,
      report('flushall', { windowSeconds: 4.25, recoverySeconds: 1.5 }),
    ]);

    expect(lines).toEqual([
      'BAR chaos-faults-held 2 >= 2 ok',
      'BAR chaos-requests-lost 0 <= 0 ok',
      'BAR chaos-oversold 0 <= 0 ok',
      'BAR chaos-settled-twice 0 <= 0 ok',
      'BAR chaos-declared-windows 4.25 <= 60 ok',
      'BAR recovery-99 1.50 <= 2 ok',
      'BAR chaos-one-account-fails-errors 0 <= 0 ok',
      'BAR chaos-grants-after-trip 0 <= 0 ok',
    ]);
  });

  it.each<[string, Report, string]>([
    ['a fault that did not hold', report('f', { violations: ['x'] }), 'chaos-faults-held 0 >= 1'],
    ['a lost request', report('f', { lost: 1 }), 'chaos-requests-lost 1 <= 0'],
    ['a request with two outcomes', report('f', { twiceEnded: 1 }), 'chaos-requests-lost 1 <= 0'],
    ['an oversold account', report('f', { oversold: 2 }), 'chaos-oversold 2 <= 0'],
    ['a second settlement', report('f', { doubleSettled: 1 }), 'chaos-settled-twice 1 <= 0'],
    ['long windows', report('f', { windowSeconds: 60.5 }), 'chaos-declared-windows 60.50 <= 60'],
    ['a slow return', report('flushall', { recoverySeconds: 2.1 }), 'recovery-99 2.10 <= 2'],
    ['no return', report('flushall', { recoverySeconds: null }), 'recovery-99 Infinity <= 2'],
    [
      'an error while one account fails',
      report('one-account-fails', { errors: { '500': 2, '503': 1 } }),
      'chaos-one-account-fails-errors 3 <= 0',
    ],
    [
      'a grant after the trip',
      report('one-account-fails', { measured: { grantsAfterTrip: 1 } }),
      'chaos-grants-after-trip 1 <= 0',
    ],
  ])('say SHORT for %s', (_what, given, line) => {
    const short = barsOf([given]).filter(isShort);

    expect(short.map(barLine)).toEqual([`BAR ${line} SHORT`]);
  });

  it('are skipped, and not short, where no fault of them was run', () => {
    const lines = linesOf([report('reply-lost', { recoverySeconds: 9 })]);

    expect(lines.filter((line) => line.includes(' skipped '))).toHaveLength(3);
    expect(barsOf([report('reply-lost')]).some(isShort)).toBe(false);
  });
});
