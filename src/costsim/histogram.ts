// The histograms of drift, as lua/costsim/histogram.lua keeps them: buckets that grow by a constant
// factor, so that a quantile is right within half a bucket. Pure.
import { CODES } from '../redis/codes.ts';

const { least, growth, buckets } = CODES.DRIFT;
const PAIR_BYTES = 6;

/** Part by which a quantile may be wrong, for drifts between the least and the largest bucket. */
export const QUANTILE_ERROR = Math.sqrt(growth) - 1;

/** Bucket → count. */
export type Counts = Map<number, number>;

export function bucketOf(drift: number): number {
  if (drift <= least) return 0;
  return Math.min(buckets, Math.ceil(Math.log(drift / least) / Math.log(growth)));
}

export function packCounts(counts: Counts): Buffer {
  const raw = Buffer.alloc(PAIR_BYTES * counts.size);
  let at = 0;
  for (const [bucket, count] of counts) {
    raw.writeUInt16LE(bucket, at);
    raw.writeUInt32LE(count, at + 2);
    at += PAIR_BYTES;
  }
  return raw;
}

/** Adds what `raw` holds; what cannot be read counts as empty. */
export function addCounts(counts: Counts, raw: Buffer): void {
  if (raw.length % PAIR_BYTES !== 0) return;
  for (let at = 0; at < raw.length; at += PAIR_BYTES) {
    const bucket = raw.readUInt16LE(at);
    counts.set(bucket, (counts.get(bucket) ?? 0) + raw.readUInt32LE(at + 2));
  }
}

export function samplesOf(counts: Counts): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** The drift that `part` of the samples do not exceed; undefined without samples. */
export function quantileOf(counts: Counts, part: number): number | undefined {
  let left = Math.ceil(part * samplesOf(counts));
  for (const [bucket, count] of [...counts].sort(([one], [other]) => one - other)) {
    left -= count;
    if (left <= 0) return bucket === 0 ? 0 : least * growth ** (bucket - 0.5);
  }
  return undefined;
}
