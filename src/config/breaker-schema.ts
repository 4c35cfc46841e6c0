// The options of a pool's breakers and cooldowns, what an arm of a rollout changes of them, and what an
// account gets of them. Who is in which arm is rollout/breaker-arms.ts's matter.
import { z } from 'zod';

const ms = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const count = (min: number) => z.coerce.number().int().min(min).max(65_535);

const settings = {
  enabled: z.boolean(),
  consecutiveFailures: count(1),
  errorRate: z.coerce.number().gt(0).max(1),
  minRequests: count(1),
  windowMs: ms(100, 86_400_000),
  openMs: ms(10, 86_400_000),
  maxOpenMs: ms(10, 86_400_000),
  cooldownMs: ms(0, 86_400_000),
} as const;

export const breakerSchema = z
  .strictObject({
    enabled: settings.enabled.default(true).meta({
      description: 'Whether breakers trip; cooldowns and unusable credentials count anyway.',
    }),
    consecutiveFailures: settings.consecutiveFailures.default(5).meta({
      description: 'Failures in a row that trip the breaker of an account and model.',
    }),
    errorRate: settings.errorRate.default(0.5).meta({
      description: 'Part of the requests of a window that trips it when they fail.',
    }),
    minRequests: settings.minRequests.default(20).meta({
      description: 'Requests that a window must have before its error rate counts.',
    }),
    windowMs: settings.windowMs.default(60_000).meta({
      description: 'Length in ms of the window; it begins at the first failure.',
    }),
    openMs: settings.openMs.default(5000).meta({
      description: 'Time in ms for which it is open first; doubles with every failed probe.',
    }),
    maxOpenMs: settings.maxOpenMs.default(300_000).meta({
      description: 'Longest time in ms for which it is open.',
    }),
    cooldownMs: settings.cooldownMs.default(5000).meta({
      description: 'Rest in ms of an account that is rate limited, where the upstream names none.',
    }),
  })
  .prefault({})
  .refine((breaker) => breaker.openMs <= breaker.maxOpenMs, {
    message: 'openMs must not exceed maxOpenMs',
    path: ['openMs'],
  });

export type BreakerConfig = Readonly<z.infer<typeof breakerSchema>>;

const ofArm = <T extends z.ZodType>(setting: T) =>
  setting.optional().meta({ description: 'Of `what: breaker`; the pool’s own by default.' });

/** What an arm says otherwise than the pool. */
export const armBreakerSchema = z.strictObject({
  enabled: ofArm(settings.enabled),
  consecutiveFailures: ofArm(settings.consecutiveFailures),
  errorRate: ofArm(settings.errorRate),
  minRequests: ofArm(settings.minRequests),
  windowMs: ofArm(settings.windowMs),
  openMs: ofArm(settings.openMs),
  maxOpenMs: ofArm(settings.maxOpenMs),
  cooldownMs: ofArm(settings.cooldownMs),
});

/** What the health of an account depends on. */
export interface AccountHealthConfig {
  readonly breaker: BreakerConfig;
  /** Tells one credential or upstream from another; says nothing about either. */
  readonly credentialMark: number;
}
