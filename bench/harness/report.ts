// What a run looks like on the terminal: a line for each bar, a table of medians for each
// scenario, and all bars once more at the end. It computes medians and verdicts, nothing else.
import type { Bar, Rounds } from './scenario.ts';
import { median } from './stats.ts';

export type Verdict = 'ok' | 'SHORT' | 'skipped' | 'failed';

export interface BarReport extends Bar {
  readonly verdict: Verdict;
  readonly measured?: number;
}

export interface ScenarioReport {
  readonly name: string;
  readonly describe: string;
  readonly bars: readonly BarReport[];
  /** Why nothing was measured. */
  readonly reason?: string;
  readonly notes: readonly string[];
  readonly tookSeconds: number;
  /** The figures of every counted round, by contender. */
  readonly rounds: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>>;
}

export function judge(bar: Bar, measured: number | undefined): BarReport {
  if (measured === undefined || !Number.isFinite(measured)) return { ...bar, verdict: 'failed' };
  const holds = bar.op === '>=' ? measured >= bar.target : measured <= bar.target;
  return { ...bar, measured, verdict: holds ? 'ok' : 'SHORT' };
}

/** The machine-readable line of a bar. */
export function barLine(bar: BarReport, reason = ''): string {
  const promise = `${bar.op} ${bar.target}`;
  if (bar.measured === undefined)
    return `BAR ${bar.name} ${bar.verdict} ${promise} ${reason}`.trim();
  return `BAR ${bar.name} ${decimals(bar.measured)} ${promise} ${bar.verdict}`;
}

/** Medians of all contenders, a column for each figure. */
export function medianTable(rounds: Rounds): string {
  const figures = [...new Set([...rounds.values()].flat().flatMap((round) => Object.keys(round)))];
  const header = ['median of rounds', ...figures.map((figure) => figure.replaceAll('_', ' '))];
  const rows = [...rounds].map(([contender, all]) => [
    contender,
    ...figures.map((figure) => {
      const values = all.map((round) => round[figure]).filter((value) => value !== undefined);
      return values.length === 0 ? '' : decimals(median(values));
    }),
  ]);
  return table([header, ...rows]);
}

/** All bars of a run, one row each. */
export function summaryTable(scenarios: readonly ScenarioReport[]): string {
  const rows = scenarios.flatMap(({ bars }) =>
    bars.map((bar) => [
      bar.name,
      bar.measured === undefined ? '' : decimals(bar.measured),
      `${bar.op === '>=' ? '≥' : '≤'} ${bar.target}`,
      bar.unit,
      bar.verdict,
    ]),
  );
  return table([['bar', 'measured', 'target', 'unit', ''], ...rows]);
}

/** Three significant digits below 1,000, whole numbers with separators above. */
export function decimals(value: number): string {
  if (Math.abs(value) >= 1000)
    return Math.round(value).toLocaleString('en-US').replaceAll(',', '_');
  return value
    .toPrecision(3)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

function table(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const width = (column: number): number => columns?.[column] ?? 0;
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(width(0)) : cell.padStart(width(column))))
      .join('  ')
      .trimEnd();
  const rule = (columns ?? []).map((size) => '─'.repeat(size)).join('──');
  return [line(rows[0] ?? []), rule, ...rows.slice(1).map(line)]
    .map((row) => `  ${row}`)
    .join('\n');
}
