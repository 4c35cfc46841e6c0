// The records that the canary looks at: drawn evenly from those of its time, replayed through both
// estimators, and held against what they came to. It reads nothing itself and judges nothing.
import type { Figures, ProvenanceRecord } from '../core/estimates.ts';
import type { Comparison, SampleCounts } from './canary-report.ts';
import { driftOf } from './observation.ts';

/** Undefined stands for an entry that cannot be read. */
export type StoredRecords = AsyncIterable<{ readonly record: ProvenanceRecord | undefined }>;

export type Replay = (
  record: ProvenanceRecord,
) => { readonly v1: Figures; readonly v2: Figures | undefined } | undefined;

export interface SampleOptions {
  readonly most: number;
  readonly replay: Replay;
  readonly signal: AbortSignal;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Sample {
  readonly compared: readonly Comparison[];
  readonly counts: SampleCounts;
}

type WithActual = ProvenanceRecord & { readonly actual: Figures };

/** Rejects as the reading does, and when `signal` fires. */
export async function drawSample(
  records: StoredRecords,
  { most, replay, signal, random }: SampleOptions,
): Promise<Sample> {
  const drawn: WithActual[] = [];
  let [seen, unreadable, eligible] = [0, 0, 0];
  for await (const { record } of records) {
    signal.throwIfAborted();
    seen += 1;
    if (record === undefined) unreadable += 1;
    if (record === undefined || !hasActual(record)) continue;
    eligible += 1;
    // Vitter's algorithm R: each of those seen so far is in the sample with the same probability.
    const place = drawn.length < most ? drawn.length : Math.floor(random() * eligible);
    if (place < most) drawn[place] = record;
  }
  const compared = drawn.flatMap((record) => compare(record, replay));
  const withoutActual = seen - unreadable - eligible;
  const unreplayable = drawn.length - compared.length;
  const counts = { seen, unreadable, withoutActual, unreplayable, compared: compared.length };
  return { compared, counts };
}

function hasActual(record: ProvenanceRecord): record is WithActual {
  const { actual, source } = record;
  return source === 'live' && actual !== undefined && driftOf(actual, actual) !== undefined;
}

function compare(record: WithActual, replay: Replay): readonly Comparison[] {
  const replayed = replay(record);
  if (replayed?.v2 === undefined) return [];
  const v1 = driftOf(replayed.v1, record.actual);
  const v2 = driftOf(replayed.v2, record.actual);
  if (v1 === undefined || v2 === undefined) return [];
  const { id, route, model } = record;
  return [{ id, route, model, v1, v2 }];
}
