// The options of the canary: when it runs, what it looks at, and from when on it fails. What a
// failure does is costsim/canary.ts's matter.
import { z } from 'zod';
import { isTimeZone } from '../core/periods.ts';

const DAY_MS = 86_400_000;
const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const part = z.coerce.number().min(0).max(100);

export const canarySchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Whether it runs once a day, while `v2` is in use or under trial.',
    }),
    at: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'write a time of day as HH:MM')
      .default('03:30')
      .meta({ description: 'Time of day, HH:MM.', env: 'SLOTKEEPER_CANARY_AT' }),
    timeZone: z.string().refine(isTimeZone, 'is not an IANA time zone').default('UTC').meta({
      description: 'IANA time zone of `at`.',
      env: 'SLOTKEEPER_CANARY_TIME_ZONE',
    }),
    lookbackMs: integer(60_000, 365 * DAY_MS)
      .default(DAY_MS)
      .meta({ description: 'How far back in ms it looks for records.' }),
    sample: integer(10, 100_000).default(1000).meta({
      description: 'Records that are replayed, at most; drawn from all of that time.',
    }),
    minSample: integer(1, 100_000).default(50).meta({
      description: 'With fewer records that tell what they came to it neither passes nor fails.',
    }),
    maxP95Drift: part.default(0.2).meta({
      description: 'It fails where the p95 of the drift of `v2` against actuals is beyond this.',
    }),
    maxRatioToV1: part.default(1.25).meta({
      description: 'It fails where that is more than so many times the p95 of `v1`.',
    }),
    ignoredDrift: part.default(0.05).meta({
      description: 'A p95 up to this never fails by comparison with `v1`.',
    }),
    keepDays: integer(1, 3650).default(30).meta({
      description: 'Days for which reports are kept.',
      env: 'SLOTKEEPER_CANARY_KEEP_DAYS',
    }),
    maxReports: integer(1, 10_000).default(200).meta({
      description: 'Reports that are kept, at most.',
    }),
  })
  .prefault({})
  .refine(({ minSample, sample }) => minSample <= sample, {
    message: 'minSample must not exceed sample',
    path: ['minSample'],
  });

export type CanaryConfig = Readonly<z.infer<typeof canarySchema>>;
