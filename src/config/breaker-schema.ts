// The options of a pool's breakers and cooldowns, and what an account gets of them.
import { z } from 'zod';

const ms = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const count = (min: number) => z.coerce.number().int().min(min).max(65_535);

export const breakerSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Whether breakers trip; cooldowns and unusable credentials count anyway.',
    }),
    consecutiveFailures: count(1).default(5).meta({
      description: 'Failures in a row that trip the breaker of an account and model.',
    }),
    errorRate: z.coerce.number().gt(0).max(1).default(0.5).meta({
      description: 'Part of the requests of a window that trips it when they fail.',
    }),
    minRequests: count(1).default(20).meta({
      description: 'Requests that a window must have before its error rate counts.',
    }),
    windowMs: ms(100, 86_400_000).default(60_000).meta({
      description: 'Length in ms of the window; it begins at the first failure.',
    }),
    openMs: ms(10, 86_400_000).default(5000).meta({
      description: 'Time in ms for which it is open first; doubles with every failed probe.',
    }),
    maxOpenMs: ms(10, 86_400_000).default(300_000).meta({
      description: 'Longest time in ms for which it is open.',
    }),
    cooldownMs: ms(0, 86_400_000).default(5000).meta({
      description: 'Rest in ms of an account that is rate limited, where the upstream names none.',
    }),
  })
  .prefault({})
  .refine((breaker) => breaker.openMs <= breaker.maxOpenMs, {
    message: 'openMs must not exceed maxOpenMs',
    path: ['openMs'],
  });

/** What the health of an account depends on. */
export interface AccountHealthConfig {
  readonly breaker: Readonly<z.infer<typeof breakerSchema>>;
  /** Tells one credential or upstream from another; says nothing about either. */
  readonly credentialMark: number;
}
