// The record of learned lengths, as lua/lengths.lua keeps it: how many answers of which length, on a
// logarithmic scale, and how much of their input was cached. It reads and writes bytes, no store.

/** Neighbours on the scale are a tenth apart: a length is known to a twentieth. */
const STEP = 1.1;
const LAST_BUCKET = 255;
const HEAD_BYTES = 24;
const BUCKET_BYTES = 5;

/** What has been seen of answers: weights by bucket, tokens of input. */
export interface LengthSums {
  inputTokens: number;
  cachedTokens: number;
  readonly buckets: Map<number, number>;
}

export function noLengths(): LengthSums {
  return { inputTokens: 0, cachedTokens: 0, buckets: new Map() };
}

export function bucketOf(tokens: number): number {
  if (tokens < 1) return 0;
  return Math.min(LAST_BUCKET, 1 + Math.round(Math.log(tokens) / Math.log(STEP)));
}

function tokensOf(bucket: number): number {
  return bucket === 0 ? 0 : Math.round(STEP ** (bucket - 1));
}

export interface LengthRecord extends Readonly<LengthSums> {
  /** Cell time in ms at which its weights were right: they decay from there on. */
  readonly atMs: number;
  readonly weight: number;
}

/** Undefined for bytes that are no record. */
export function readLengths(record: Buffer): LengthRecord | undefined {
  const { length } = record;
  if (length < HEAD_BYTES || (length - HEAD_BYTES) % BUCKET_BYTES !== 0) return undefined;
  const buckets = new Map<number, number>();
  let weight = 0;
  for (let at = HEAD_BYTES; at < length; at += BUCKET_BYTES) {
    const part = record.readFloatLE(at + 1);
    buckets.set(record.readUInt8(at), part);
    weight += part;
  }
  const inputTokens = record.readDoubleLE(8);
  return {
    atMs: record.readDoubleLE(0),
    inputTokens,
    cachedTokens: record.readDoubleLE(16),
    buckets,
    weight,
  };
}

/** Its time is the script's matter. */
export function packLengths({ inputTokens, cachedTokens, buckets }: LengthSums): Buffer {
  const record = Buffer.alloc(HEAD_BYTES + BUCKET_BYTES * buckets.size);
  record.writeDoubleLE(inputTokens, 8);
  record.writeDoubleLE(cachedTokens, 16);
  let at = HEAD_BYTES;
  for (const [bucket, weight] of buckets) {
    record.writeUInt8(bucket, at);
    record.writeFloatLE(weight, at + 1);
    at += BUCKET_BYTES;
  }
  return record;
}

/** The length that `share` of the answers do not exceed; 0 of none. */
export function lengthAt({ buckets, weight }: LengthRecord, share: number): number {
  const sorted = [...buckets].sort(([one], [other]) => one - other);
  let left = weight * share;
  for (const [bucket, part] of sorted) {
    left -= part;
    if (left <= 0) return tokensOf(bucket);
  }
  return tokensOf(sorted.at(-1)?.[0] ?? 0);
}
