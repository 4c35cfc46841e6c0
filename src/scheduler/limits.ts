// A tenant's rates after a decision, as the heart tells them beside an answer.

export interface RateLimit {
  /** Per minute. */
  readonly limit: number;
  /** What is left at once. */
  readonly remaining: number;
  /** Ms until everything is left again. */
  readonly resetMs: number;
}

/** Undefined where the tenant has no such limit. */
export interface RateLimits {
  readonly requests: RateLimit | undefined;
  readonly tokens: RateLimit | undefined;
}

export const LIMITS_SIZE = 24;

function decodeLimit(raw: Buffer, at: number): RateLimit | undefined {
  const limit = raw.readUInt32LE(at);
  if (limit === 0) return undefined;
  return { limit, remaining: raw.readUInt32LE(at + 4), resetMs: raw.readUInt32LE(at + 8) };
}

/** limit, remaining, reset ms of requests, then of tokens; all zero for none. */
export function decodeLimits(raw: Buffer): RateLimits | undefined {
  const requests = decodeLimit(raw, 0);
  const tokens = decodeLimit(raw, 12);
  if (requests === undefined && tokens === undefined) return undefined;
  return { requests, tokens };
}

/** The number of an operation in its batch, then its limits; by number. */
export function decodeLimitsList(raw: Buffer): ReadonlyMap<number, RateLimits> {
  const list = new Map<number, RateLimits>();
  for (let at = 0; at + LIMITS_SIZE < raw.length; at += 1 + LIMITS_SIZE) {
    const limits = decodeLimits(raw.subarray(at + 1, at + 1 + LIMITS_SIZE));
    if (limits !== undefined) list.set(raw.readUInt8(at), limits);
  }
  return list;
}
