// How long an upstream may take: the options, and their defaults where neither the account nor its
// pool sets them. Keeping the time is upstream/'s business.
import { z } from 'zod';

const ms = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

export const timeouts = z.strictObject({
  connectTimeoutMs: ms(10, 600_000).optional().meta({
    description: 'Time in ms to reach the upstream.',
  }),
  headersTimeoutMs: ms(10, 3_600_000).optional().meta({
    description: 'Time in ms from the request to the first byte of the answer.',
  }),
  idleTimeoutMs: ms(10, 3_600_000).optional().meta({
    description: 'Time in ms between two pieces of the answer.',
  }),
  totalTimeoutMs: ms(10, 86_400_000).optional().meta({
    description: 'Time in ms for the whole attempt.',
  }),
});

/** Upstream time limits in ms where neither the account nor its pool sets them. */
export const DEFAULT_TIMEOUTS = {
  connectTimeoutMs: 5000,
  headersTimeoutMs: 300_000,
  idleTimeoutMs: 120_000,
  totalTimeoutMs: 3_600_000,
} as const;

export interface UpstreamTimeouts {
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
}
