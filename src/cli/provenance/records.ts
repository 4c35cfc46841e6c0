// A source as batches of records, each input once: what stands between its files and the store. Bad
// and repeated lines are told to whoever counts them; it stops between two batches when it is asked to.
import type { ProvenanceRecord } from '../../core/estimates.ts';
import { readLine } from '../../costsim/line.ts';
import { collector } from './collector.ts';
import { Fingerprints } from './fingerprints.ts';
import { readSource, type PlacedPiece, type Reading, type Source } from './source.ts';

export interface PlacedRecord {
  readonly file: string;
  readonly line: number;
  readonly record: ProvenanceRecord;
  /** Whether the line told its time. */
  readonly isTimed: boolean;
}

export interface BadLine {
  readonly file: string;
  /** 0 for the file as a whole. */
  readonly line: number;
  readonly reason: string;
}

/** What was read of a source so far. */
export interface Tally extends Reading {
  /** Lines that are not empty, or values. */
  lines: number;
  bad: number;
  /** Records whose input hash an earlier one has. */
  repeated: number;
  /** It was asked to stop before the end. */
  isCut: boolean;
}

export interface ReadRecordsOptions {
  readonly tally: Tally;
  /** Time of records that tell none. */
  readonly nowMs: number;
  readonly onBad?: (bad: BadLine) => void;
  readonly signal?: AbortSignal;
}

/** The store does nothing else while it takes a batch in: a few milliseconds. */
const BATCH = 250;
const COLLECT_EVERY = 10;

export function newTally(): Tally {
  return { bytes: 0, lines: 0, bad: 0, repeated: 0, isCut: false };
}

export async function* readRecords(
  source: Source,
  options: ReadRecordsOptions,
): AsyncGenerator<readonly PlacedRecord[]> {
  const { tally, signal } = options;
  const seen = new Fingerprints();
  const collect = collector(COLLECT_EVERY);
  const isAskedToStop = (): boolean => (tally.isCut = signal?.aborted === true);
  let batch: PlacedRecord[] = [];
  for await (const pieces of readSource(source, tally)) {
    for (const piece of pieces) {
      const placed = judge(piece, options);
      if (placed === undefined) continue;
      if (!seen.add(placed.record.inputHash)) {
        tally.repeated += 1;
        continue;
      }
      batch.push(placed);
      if (batch.length < BATCH) continue;
      yield batch;
      collect();
      if (isAskedToStop()) return;
      batch = [];
    }
    if (isAskedToStop()) return;
  }
  if (batch.length > 0) yield batch;
}

function judge(piece: PlacedPiece, options: ReadRecordsOptions): PlacedRecord | undefined {
  const { tally, nowMs, onBad } = options;
  const { file, line, text, fault } = piece;
  tally.lines += 1;
  const read =
    fault === undefined ? readLine(text, nowMs) : ({ kind: 'bad', reason: fault } as const);
  if (read.kind === 'record') return { file, line, record: read.record, isTimed: read.isTimed };
  tally.bad += 1;
  onBad?.({ file, line, reason: read.reason });
  return undefined;
}

export function placeOf({ file, line }: { readonly file: string; readonly line: number }): string {
  return line === 0 ? file : `${file}:${line}`;
}
