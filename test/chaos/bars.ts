// What a run of the faults promises, as figures with their targets: one line each, for people and
// machines. A bar whose faults were not run is skipped.
import type { Report } from './experiment.ts';
import { FAULTS } from './faults/index.ts';
import { GRANTS_AFTER_TRIP } from './faults/accounts.ts';

export interface Bar {
  readonly name: string;
  /** Undefined: no fault of this run tells. */
  readonly measured: number | undefined;
  readonly op: '<=' | '>=';
  readonly target: number;
}

const MOST_DECLARED_SECONDS = 60;
const MOST_RECOVERY_SECONDS = 2;

export function barsOf(reports: readonly Report[]): readonly Bar[] {
  const sum = (of: (report: Report) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const none = (name: string, measured: number | undefined): Bar => {
    return { name: `chaos-${name}`, measured, op: '<=', target: 0 };
  };
  const sick = reports.find(({ fault }) => fault === 'one-account-fails');
  return [
    {
      name: 'chaos-faults-held',
      measured: reports.filter(({ violations }) => violations.length === 0).length,
      op: '>=',
      target: reports.length,
    },
    none(
      'requests-lost',
      sum(({ lost, twiceEnded }) => lost + twiceEnded),
    ),
    none(
      'oversold',
      sum(({ oversold }) => oversold),
    ),
    none(
      'settled-twice',
      sum(({ doubleSettled }) => doubleSettled),
    ),
    {
      name: 'chaos-declared-windows',
      measured: sum(({ windowSeconds }) => windowSeconds),
      op: '<=',
      target: MOST_DECLARED_SECONDS,
    },
    {
      name: 'recovery-99',
      measured: longestRecovery(reports),
      op: '<=',
      target: MOST_RECOVERY_SECONDS,
    },
    none('one-account-fails-errors', sick && countOf(sick.errors)),
    none('grants-after-trip', sick?.measured[GRANTS_AFTER_TRIP]),
  ];
}

/** From the return of Redis until callers are served; infinite where they never were. */
function longestRecovery(reports: readonly Report[]): number | undefined {
  const names = FAULTS.filter(({ expects }) => expects.takesStoreAway).map(({ name }) => name);
  const those = reports.filter(({ fault }) => names.includes(fault));
  if (those.length === 0) return undefined;
  return Math.max(...those.map(({ recoverySeconds }) => recoverySeconds ?? Infinity));
}

function countOf(errors: Report['errors']): number {
  return Object.values(errors).reduce((sum, times) => sum + times, 0);
}

export function isShort({ measured, op, target }: Bar): boolean {
  if (measured === undefined) return false;
  return op === '<=' ? !(measured <= target) : !(measured >= target);
}

/** `BAR name measured op target ok|SHORT`, or `skipped` in the place of what was measured. */
export function barLine(bar: Bar): string {
  const { name, measured, op, target } = bar;
  if (measured === undefined) return `BAR ${name} skipped ${op} ${target} no fault of it was run`;
  const figure = Number.isInteger(measured) ? String(measured) : measured.toFixed(2);
  return `BAR ${name} ${figure} ${op} ${target} ${isShort(bar) ? 'SHORT' : 'ok'}`;
}
