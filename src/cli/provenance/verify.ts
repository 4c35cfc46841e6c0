// Compares a source with what the store holds of it. What retention has taken is told apart from what
// is missing. It changes nothing.
import { differencesOf } from '../../costsim/line.ts';
import { isTooOld, type Run } from './backfill.ts';
import { newTally, readRecords, type BadLine, type PlacedRecord, type Tally } from './records.ts';

export interface Difference {
  readonly file: string;
  readonly line: number;
  readonly inputHash: string;
  /** Paths of a line that say something else; `record` where the store's cannot be read. */
  readonly fields: readonly string[];
}

export interface Verified {
  readonly tally: Tally;
  readonly held: number;
  readonly identical: number;
  readonly different: number;
  readonly missing: number;
  readonly tooOld: number;
  readonly beyond: number;
  /** The first of them. */
  readonly differences: readonly Difference[];
  readonly missed: readonly Omit<Difference, 'fields'>[];
}

export const MOST_LISTED = 100;

/**
 * Absent is trimmed where it is older than retention; or where the store is full and nothing that comes
 * before it in the source is there: retention takes the first ones first. Else it is missing.
 */
export async function verify(run: Run, onBad: (bad: BadLine) => void): Promise<Verified> {
  const { store, source, bounds, signal, onProgress } = run;
  const tally = newTally();
  const [nowMs, held] = await Promise.all([store.nowMs(), store.held()]);
  const isFull = held >= bounds.maxRecords;
  const count = { identical: 0, different: 0, missing: 0, tooOld: 0, beyond: 0 };
  const differences: Difference[] = [];
  const missed: Omit<Difference, 'fields'>[] = [];
  const options = { tally, nowMs, onBad, ...(signal && { signal }) };
  for await (const batch of readRecords(source, options)) {
    const found = await store.find(batch.map(({ record }) => record.inputHash));
    batch.forEach((placed, i) => {
      const there = found[i];
      const { identical, different } = count;
      if (there !== undefined) {
        const fields = there === 'unreadable' ? ['record'] : fieldsThatDiffer(placed, there);
        count[fields.length === 0 ? 'identical' : 'different'] += 1;
        if (fields.length > 0) list(differences, { ...placeIn(placed), fields });
      } else if (isTooOld(placed, nowMs, bounds)) count.tooOld += 1;
      else if (isFull && identical + different === 0) count.beyond += 1;
      else {
        count.missing += 1;
        list(missed, placeIn(placed));
      }
    });
    onProgress?.(tally, count.identical);
  }
  return { tally, held, ...count, differences, missed };
}

type Stored = Parameters<typeof differencesOf>[0];

/** A line that tells no time has none to compare. */
function fieldsThatDiffer({ record, isTimed }: PlacedRecord, there: Stored): readonly string[] {
  return differencesOf(record, there).filter((path) => isTimed || path !== 'time');
}

function placeIn({ file, line, record }: PlacedRecord): Omit<Difference, 'fields'> {
  return { file, line, inputHash: record.inputHash };
}

function list<T>(listed: T[], one: T): void {
  if (listed.length < MOST_LISTED) listed.push(one);
}
