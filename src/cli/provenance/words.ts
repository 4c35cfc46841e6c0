// What the provenance commands print: the plan of a backfill, its progress, what verify found. Words
// and tables only.
import type { LiveLine } from '../live-line.ts';
import { formatTable } from '../table.ts';
import type { Backfilled, Bounds, Survey } from './backfill.ts';
import { placeOf, type BadLine, type Tally } from './records.ts';
import type { Source } from './source.ts';
import type { Verified } from './verify.ts';

const BAR = 24;
const MB = 1e6;
const DAY_MS = 86_400_000;
const MOST_BAD_LINES = 1000;

const number = (value: number): string => value.toLocaleString('en-US');
const megabytes = (bytes: number): string => (bytes / MB).toFixed(1);

/** A line for each bad line, until there are too many. */
export function badLines(print: (text: string) => void): (bad: BadLine) => void {
  let printed = 0;
  return (bad) => {
    printed += 1;
    if (printed <= MOST_BAD_LINES) print(`${placeOf(bad)}: ${bad.reason}`);
    if (printed === MOST_BAD_LINES) print('Further bad lines are counted, not listed.');
  };
}

/** Shows how far the reading of a source is. */
export function progressOn(live: LiveLine, { bytes }: Source) {
  return (what: string): ((tally: Tally, done: number) => void) => {
    const startMs = performance.now();
    return (tally, done) =>
      live.show(() => {
        const part = bytes === 0 ? 1 : Math.min(1, tally.bytes / bytes);
        const full = Math.round(part * BAR);
        const seconds = Math.max(0.001, (performance.now() - startMs) / 1000);
        return [
          `[${'#'.repeat(full)}${'-'.repeat(BAR - full)}] ${Math.floor(part * 100)} %`,
          `${megabytes(tally.bytes)} of ${megabytes(bytes)} MB`,
          `${number(tally.lines)} lines`,
          `${number(Math.round(tally.lines / seconds))}/s`,
          `${what}${done > 0 ? ` ${number(done)}` : ''}`,
        ].join('  ');
      });
  };
}

export function describePlan(found: Survey, source: Source, bounds: Bounds): string {
  const { tally, held, known, tooOld, beyond, toStore } = found;
  const files = source.files.length === 1 ? '1 file' : `${source.files.length} files`;
  const lines = [
    `${files}, ${megabytes(source.bytes)} MB, ${number(tally.lines)} lines.`,
    `${number(tally.bad)} bad, ${number(tally.repeated)} repeat the input_hash of an earlier one, ` +
      `${number(known)} are stored already.`,
  ];
  if (tooOld > 0) {
    lines.push(
      `Retention would trim ${number(tooOld)}: they are older than ${days(bounds.retentionMs)} ` +
        '(costsim.provenance.retentionMs). They are not stored.',
    );
  }
  if (beyond > 0) {
    lines.push(
      `Retention would trim ${number(beyond)}: ${number(bounds.maxRecords)} records are kept ` +
        `(costsim.provenance.maxRecords), and ${number(held)} are there. ` +
        'The first new ones of the source are not stored.',
    );
  }
  if (tooOld + beyond === 0) lines.push('Retention would trim nothing.');
  lines.push(`To store: ${number(toStore)}.`);
  return lines.join('\n');
}

function days(ms: number): string {
  return ms % DAY_MS === 0 ? `${ms / DAY_MS} d` : `${number(ms / 1000)} s`;
}

export function describeEnd({ tally, stored, last }: Backfilled): string {
  if (!tally.isCut) return `Stored ${number(stored)} records.`;
  const where = last === undefined ? 'before the first record' : `at ${placeOf(last)}`;
  return (
    `Interrupted ${where}; ${number(stored)} records are stored. ` +
    'The same command goes on from there.'
  );
}

export function describeVerified(found: Verified): string {
  const { tally, identical, different, missing, tooOld, beyond, differences, missed } = found;
  const counts = formatTable(
    ['of the source', 'records'],
    [
      ['identical', identical],
      ['different', different],
      ['missing', missing],
      ['trimmed: older than retention', tooOld],
      ['trimmed: beyond the most that are kept', beyond],
      ['repeated', tally.repeated],
      ['bad lines', tally.bad],
    ],
  );
  return [
    counts,
    ...differences.map(
      (one) => `different: ${placeOf(one)} ${one.inputHash} ${one.fields.join(', ')}`,
    ),
    ...more('different', different - differences.length),
    ...missed.map((one) => `missing: ${placeOf(one)} ${one.inputHash}`),
    ...more('missing', missing - missed.length),
  ].join('\n');
}

function more(what: string, count: number): readonly string[] {
  return count > 0 ? [`${what}: ${number(count)} more`] : [];
}
