// Brings a source into the store: first a look at all of it, so that what would be kept and what
// retention would trim is known before anything is stored; then batch by batch. Asked to stop, it ends
// between two batches, and the same command goes on from there.
import type { BackfillStore } from '../../costsim/backfill-store.ts';
import { newTally, readRecords, type BadLine, type PlacedRecord, type Tally } from './records.ts';
import type { Source } from './source.ts';

export interface Bounds {
  readonly maxRecords: number;
  readonly retentionMs: number;
}

export interface Run {
  readonly store: BackfillStore;
  readonly source: Source;
  readonly bounds: Bounds;
  readonly signal?: AbortSignal;
  /** Called after each batch. */
  readonly onProgress?: (tally: Tally, stored: number) => void;
}

/** What a source is, and what would become of it now. */
export interface Survey {
  readonly tally: Tally;
  readonly nowMs: number;
  /** Records that the store holds, of any source. */
  readonly held: number;
  /** Of the source, there already. */
  readonly known: number;
  /** Older than retention: they are not stored. */
  readonly tooOld: number;
  /** Beyond the most that are kept: so many of the new ones, the first, are not stored. */
  readonly beyond: number;
  readonly toStore: number;
}

export interface Backfilled {
  readonly tally: Tally;
  readonly stored: number;
  /** The last line that was looked at. */
  readonly last: PlacedRecord | undefined;
}

/** Stores nothing. */
export async function survey(run: Run, onBad: (bad: BadLine) => void): Promise<Survey> {
  const { store, source, bounds, signal, onProgress } = run;
  const tally = newTally();
  const [nowMs, held] = await Promise.all([store.nowMs(), store.held()]);
  const count = { known: 0, tooOld: 0, fresh: 0 };
  const options = { tally, nowMs, onBad, ...(signal && { signal }) };
  for await (const batch of readRecords(source, options)) {
    const found = await store.find(batch.map(({ record }) => record.inputHash));
    batch.forEach((placed, i) => {
      if (found[i] !== undefined) count.known += 1;
      else if (isTooOld(placed, nowMs, bounds)) count.tooOld += 1;
      else count.fresh += 1;
    });
    onProgress?.(tally, 0);
  }
  const { known, tooOld, fresh } = count;
  const beyond = Math.max(0, fresh - Math.max(0, bounds.maxRecords - held));
  return { tally, nowMs, held, known, tooOld, beyond, toStore: fresh - beyond };
}

/** Rejects where the store does; what was stored until then stays. */
export async function backfill(run: Run, { nowMs, beyond }: Survey): Promise<Backfilled> {
  const { store, source, bounds, signal, onProgress } = run;
  const tally = newTally();
  const count = { stored: 0, known: 0, passed: 0 };
  let last: PlacedRecord | undefined;
  for await (const batch of readRecords(source, { tally, nowMs, ...(signal && { signal }) })) {
    const kept = batch.filter((placed) => !isTooOld(placed, nowMs, bounds));
    const records = kept.map(({ record }) => record);
    const became = await store.bring(records, beyond - count.passed);
    for (const word of became) count[word] += 1;
    last = batch.at(-1);
    onProgress?.(tally, count.stored);
  }
  return { tally, stored: count.stored, last };
}

export function isTooOld(placed: PlacedRecord, nowMs: number, { retentionMs }: Bounds): boolean {
  return placed.isTimed && placed.record.atMs < nowMs - retentionMs;
}
