// What a run tells: one line a fault, why one has failed, the table of docs/reliability.md, and all
// figures as JSON.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { barLine, barsOf } from './bars.ts';
import type { Report } from './experiment.ts';
import { FAULTS } from './faults/index.ts';

export interface RunFacts {
  readonly seed: number;
  readonly requests: number;
  readonly commit: string;
  readonly startedAt: string;
  readonly machine: string;
}

const DOCUMENT = resolve(import.meta.dirname, '../../docs/reliability.md');
const BEGIN = '<!-- npm run chaos -- --write: begin -->';
const END = '<!-- npm run chaos -- --write: end -->';
const EACH = 'What each fault is, and what must hold:';

const COLUMNS: readonly (readonly [string, (report: Report) => string])[] = [
  ['fault', ({ fault }) => fault],
  ['held', ({ violations }) => (violations.length === 0 ? 'yes' : 'NO')],
  ['requests', ({ requests }) => String(requests)],
  ['lost', ({ lost }) => String(lost)],
  ['oversold', ({ oversold }) => String(oversold)],
  ['overage', ({ overage }) => String(overage)],
  ['settled twice', ({ doubleSettled }) => String(doubleSettled)],
  ['unsettled', ({ unsettled }) => String(unsettled)],
  ['late', ({ late }) => String(late)],
  ['recovery s', ({ recoverySeconds }) => recoverySeconds?.toFixed(1) ?? 'never'],
  ['outage s', ({ outageSeconds }) => outageSeconds.toFixed(1)],
  ['window s', ({ windowSeconds }) => windowSeconds.toFixed(1)],
  ['tried again', ({ failedOver }) => String(failedOver)],
  ['errors that callers saw', ({ errors }) => errorText(errors)],
];

function errorText(errors: Report['errors']): string {
  const sorted = Object.entries(errors).sort(([, a], [, b]) => b - a);
  return sorted.length === 0 ? 'none' : sorted.map(([word, n]) => `${n} × ${word}`).join(', ');
}

const WIDTHS = [26, 5, 9, 5, 9, 8, 14, 10, 5, 11, 9, 9, 12];

function padded(cells: readonly string[]): string {
  return cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join(' ');
}

export function headLine(): string {
  return padded(COLUMNS.map(([name]) => name));
}

/** The fault's line, and under it what has not held. */
export function reportLines(report: Report): string {
  const line = padded(COLUMNS.map(([, of]) => of(report)));
  return [line, ...report.violations.map((violation) => `    ${violation}`)].join('\n');
}

/** One sentence about all of them. */
export function summaryLine(reports: readonly Report[]): string {
  const held = reports.filter(({ violations }) => violations.length === 0).length;
  const requests = reports.reduce((sum, report) => sum + report.requests, 0);
  return `${held} of ${reports.length} faults held what they must; ${requests} requests.`;
}

export function writeJson(path: string, facts: RunFacts, reports: readonly Report[]): void {
  writeFileSync(
    path,
    `${JSON.stringify({ ...facts, bars: barsOf(reports), faults: reports }, null, 2)}\n`,
  );
}

/** Puts the table, and what the faults are, between its marks. */
export function writeDocument(facts: RunFacts, reports: readonly Report[]): void {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${DOCUMENT} has no marks`);
  const parts = [
    BEGIN,
    factsText(facts, reports),
    barsText(reports),
    table(reports),
    EACH,
    expectationsText(),
    END,
  ];
  writeFileSync(DOCUMENT, `${before}${parts.join('\n\n')}${after}`);
}

function factsText(facts: RunFacts, reports: readonly Report[]): string {
  const { seed, commit, startedAt, machine, requests } = facts;
  const again = `npm run chaos -- --seed ${seed} --requests ${requests}`;
  const date = startedAt.slice(0, 10);
  return `${summaryLine(reports)} ${date}, commit ${commit}, ${machine}. Again: \`${again}\`.`;
}

function barsText(reports: readonly Report[]): string {
  return ['```', ...barsOf(reports).map(barLine), '```'].join('\n');
}

/** As prettier would have it. */
function table(reports: readonly Report[]): string {
  const rows = [
    COLUMNS.map(([name]) => name),
    ...reports.map((one) => COLUMNS.map(([, of]) => of(one))),
  ];
  const widths = COLUMNS.map((_, i) => Math.max(3, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [line(head), rule, ...body.map(line)].join('\n');
}

/** What is said of each fault beside its figures. */
function expectationsText(): string {
  return FAULTS.map(({ name, does, expects }) => `- \`${name}\`: ${does}. ${expects.holds}.`).join(
    '\n',
  );
}
