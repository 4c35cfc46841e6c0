// Conversions between the units in names. Durations are integer milliseconds unless a name says
// otherwise; metrics alone use seconds.

export const MS_PER_SECOND = 1000;

export function msToSeconds(ms: number): number {
  return ms / MS_PER_SECOND;
}

/** Whole seconds, rounded up and at least 1: the form of HTTP's Retry-After. */
export function retryAfterSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / MS_PER_SECOND));
}
