// The options of `costsim`: how long provenance is kept, over which window drift is measured, when
// the breaker takes the estimator `v2` out of service, and the canary. Which estimator reserves is not said here.
import { z } from 'zod';
import { canarySchema } from './canary-schema.ts';

const ms = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const part = z.coerce.number().min(0.001).max(100);

const DAY_MS = 86_400_000;

const provenance = z
  .strictObject({
    maxRecords: integer(100, 10_000_000).default(100_000).meta({
      description:
        'Records of estimates and actuals that are kept; a record takes about 400 bytes.',
      env: 'SLOTKEEPER_PROVENANCE_MAX_RECORDS',
    }),
    retentionMs: ms(1000, 3650 * DAY_MS)
      .default(7 * DAY_MS)
      .meta({
        description: 'How long in ms they are kept.',
        env: 'SLOTKEEPER_PROVENANCE_RETENTION_MS',
      }),
    maxBuffered: integer(100, 1_000_000).default(10_000).meta({
      description: 'Records that a daemon keeps while Redis is away; more are dropped and counted.',
    }),
  })
  .prefault({});

const drift = z
  .strictObject({
    windowMs: ms(12_000, DAY_MS).default(900_000).meta({
      description: 'Time in ms over which drift is measured, in twelve parts.',
      env: 'SLOTKEEPER_DRIFT_WINDOW_MS',
    }),
    intervalMs: ms(1000, DAY_MS).default(60_000).meta({
      description:
        'Time in ms that is judged at once; one whose p95 is beyond `trip` is an incident.',
      env: 'SLOTKEEPER_DRIFT_INTERVAL_MS',
    }),
    minSamples: integer(1, 1_000_000).default(50).meta({
      description: 'Requests without which neither a window nor an interval is judged.',
      env: 'SLOTKEEPER_DRIFT_MIN_SAMPLES',
    }),
    warn: part.default(0.15).meta({
      description: 'p95 of the drift of `v2` against actuals from which on is warned.',
    }),
    trip: part.default(0.2).meta({
      description: 'p95 of the drift of `v2` against actuals beyond which the breaker trips.',
    }),
    maxModels: integer(0, 200).default(32).meta({
      description: 'Upstream models whose drift is told by name; the others count as `other`.',
    }),
  })
  .prefault({})
  .refine(({ warn, trip }) => warn <= trip, {
    message: 'warn must not exceed trip',
    path: ['warn'],
  });

const breaker = z
  .strictObject({
    incidents: integer(1, 1000).default(5).meta({
      description: 'Incidents in a row that trip the breaker.',
    }),
    cooldownMs: ms(1000, 7 * DAY_MS)
      .default(300_000)
      .meta({
        description:
          'Time in ms after which it recovers by itself; doubled by each trip that follows.',
        env: 'SLOTKEEPER_COSTSIM_COOLDOWN_MS',
      }),
    maxCooldownMs: ms(1000, 7 * DAY_MS)
      .default(3_600_000)
      .meta({
        description:
          'That time at most; so long without a trip, and it starts from the first again.',
      }),
    maxLogged: integer(1, 100_000).default(1000).meta({
      description: 'Changes and incidents that are remembered.',
    }),
  })
  .prefault({})
  .refine((limits) => limits.cooldownMs <= limits.maxCooldownMs, {
    message: 'cooldownMs must not exceed maxCooldownMs',
    path: ['cooldownMs'],
  });

export const costsimSchema = z
  .strictObject({ provenance, drift, breaker, canary: canarySchema })
  .prefault({});

export type CostsimConfig = Readonly<z.infer<typeof costsimSchema>>;

/** For those who do not configure it: tools. */
export const DEFAULT_COSTSIM = Object.freeze(costsimSchema.parse({}));
