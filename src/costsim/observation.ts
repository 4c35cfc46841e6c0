// What a batch of records says about drift: by series, a histogram. A series is "estimator TAB against
// TAB model", the model empty for all of them. Pure.
import {
  UNLEARNED,
  type EstimatorName,
  type Figures,
  type ProvenanceRecord,
} from '../core/estimates.ts';
import { bucketOf, packCounts, type Counts } from './histogram.ts';

/** `actual`: what the upstream told. `baseline`: `v2` against `v1`. */
export const AGAINST = ['actual', 'baseline'] as const;
export type Against = (typeof AGAINST)[number];

export interface Drift {
  readonly estimator: EstimatorName;
  readonly against: Against;
  readonly drift: number;
}

/** By cost, or by tokens where one of them is not priced; undefined against nothing and 0. */
export function driftOf(estimate: Figures, reference: Figures): number | undefined {
  const isPriced = estimate.costMicro !== undefined && reference.costMicro !== undefined;
  const sizeOf = ({ costMicro = 0, inputTokens, outputTokens }: Figures): number =>
    isPriced ? costMicro : inputTokens + outputTokens;
  const wanted = sizeOf(reference);
  return wanted > 0 ? Math.abs(sizeOf(estimate) - wanted) / wanted : undefined;
}

/**
 * Only what a daemon has seen is held against actuals: what was brought in later is long past. Nor is
 * `v2` where it has learned nothing yet: it expects the length that `v1` does, so `v1` in its place
 * would be no better, and each beginning would trip the breaker.
 */
export function driftsOf(record: ProvenanceRecord): readonly Drift[] {
  const { source, v1, v2, actual, basis } = record;
  const drifts: Drift[] = [];
  const add = (estimator: EstimatorName, against: Against, drift: number | undefined): void => {
    if (drift !== undefined) drifts.push({ estimator, against, drift });
  };
  if (actual !== undefined && source === 'live') {
    add('v1', 'actual', driftOf(v1, actual));
    const isLearned = basis?.outOfScope.includes(UNLEARNED) !== true;
    if (v2 !== undefined && isLearned) add('v2', 'actual', driftOf(v2, actual));
  }
  if (v2 !== undefined) add('v2', 'baseline', driftOf(v2, v1));
  return drifts;
}

/** Series and histograms in turn, each behind its length in two bytes. */
export function packDrifts(
  records: readonly ProvenanceRecord[],
  nameOf: (model: string) => string,
): Buffer {
  const series = new Map<string, Counts>();
  for (const record of records) {
    for (const { estimator, against, drift } of driftsOf(record)) {
      for (const model of ['', nameOf(record.model)]) {
        const name = `${estimator}\t${against}\t${model}`;
        const counts: Counts = series.get(name) ?? new Map<number, number>();
        series.set(name, counts);
        const bucket = bucketOf(drift);
        counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
      }
    }
  }
  return Buffer.concat(
    [...series].flatMap(([name, counts]) => [
      ...sized(Buffer.from(name)),
      ...sized(packCounts(counts)),
    ]),
  );
}

function sized(bytes: Buffer): readonly [Buffer, Buffer] {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(bytes.length);
  return [length, bytes];
}
