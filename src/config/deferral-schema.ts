// The options of `deferral`: stages of work that may wait, for how long and in which shares, and the
// bounds of what is kept. Off until somebody turns it on.
import { z } from 'zod';
import { model, name } from './names.ts';

const ms = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The environment knows texts only. */
const listed = (value: unknown): unknown =>
  typeof value === 'string' ? value.split(',').map((entry) => entry.trim()) : value;

const stage = z.strictObject({
  weight: z.coerce.number().min(0.01).max(1000).default(1).meta({
    description: 'Share of the parked work that runs, beside other stages that have some.',
  }),
});

const webhook = z
  .strictObject({
    hosts: z
      .preprocess(
        listed,
        z
          .array(
            z
              .string()
              .toLowerCase()
              .regex(/^[\w.-]+(:\d+)?$/),
          )
          .max(100),
      )
      .default([])
      .meta({
        description:
          'Hosts, with their ports where those are not the usual ones, that a job may name to be told of its end. None: webhooks are refused.',
        env: 'SLOTKEEPER_DEFERRAL_WEBHOOK_HOSTS',
      }),
    secret: z.string().min(16, 'use at least 16 characters').optional().meta({
      description: 'Key of the signature of each call, normally as ${ENV_NAME}.',
      env: 'SLOTKEEPER_DEFERRAL_WEBHOOK_SECRET',
      secret: true,
    }),
    timeoutMs: ms(50, MINUTE_MS).default(5000).meta({
      description: 'Time in ms that a webhook has to answer.',
    }),
    attempts: count(1, 100).default(12).meta({
      description:
        'Calls of a webhook for one job; the pause between them begins at a second and doubles.',
    }),
  })
  .prefault({})
  .refine(({ hosts, secret }) => hosts.length === 0 || secret !== undefined, {
    message: 'webhooks are signed: give a secret',
    path: ['secret'],
  });

export const deferralSchema = z
  .strictObject({
    enabled: z.boolean().default(false).meta({
      description: 'Whether requests may ask to wait durably for their upstream.',
    }),
    stages: z
      .record(name, stage)
      .default({
        summarize: { weight: 1 },
        classify: { weight: 1 },
        extract: { weight: 1 },
        batch: { weight: 1 },
      })
      .refine((all) => Object.keys(all).length > 0, 'name at least one stage')
      .refine((all) => Object.keys(all).length <= 32, 'name at most 32 stages')
      .meta({ description: 'Stages of deferred work by name; each has a queue of its own.' }),
    drainStages: z.preprocess(listed, z.array(name)).default(['summarize', 'classify']).meta({
      description: 'Stages that operators may drain before their jobs are due.',
      env: 'SLOTKEEPER_DRAIN_STAGES',
    }),
    slots: z
      .strictObject({
        deep: model.default('deep').meta({
          description: 'Route of the slot `deep`: without such a route, `primary` serves instead.',
        }),
        primary: model.default('primary').meta({ description: 'Route of the slot `primary`.' }),
      })
      .prefault({}),
    retryAfterMs: ms(10, DAY_MS)
      .default(30 * MINUTE_MS)
      .meta({
        description: 'How long in ms a deferred job waits before it is tried again.',
        env: 'SLOTKEEPER_DEFERRAL_RETRY_AFTER_MS',
      }),
    backoffFactor: z.coerce.number().min(1).max(10).default(2).meta({
      description: 'What each further wait of the same job is multiplied by.',
    }),
    maxRetryAfterMs: ms(10, 30 * DAY_MS)
      .default(4 * HOUR_MS)
      .meta({ description: 'Longest wait in ms of a job between two tries.' }),
    maxAgeMs: ms(1000, 90 * DAY_MS)
      .default(7 * DAY_MS)
      .meta({
        description: 'Age in ms at which a job that has no answer is given up as expired.',
        env: 'SLOTKEEPER_DEFERRAL_MAX_AGE_MS',
      }),
    maxDepth: count(1, 10_000_000).default(50_000).meta({
      description:
        'Jobs of the cell that may wait or run; beyond it new ones get the ordinary error.',
      env: 'SLOTKEEPER_DEFERRAL_MAX_DEPTH',
    }),
    maxPayloadBytes: count(256, 100 * 1024 * 1024)
      .default(1024 * 1024)
      .meta({ description: 'Largest body in bytes of a request that may be parked.' }),
    maxAnswerBytes: count(256, 100 * 1024 * 1024)
      .default(4 * 1024 * 1024)
      .meta({ description: 'Largest answer in bytes of a request that asks to be deferred.' }),
    retentionMs: ms(1000, 90 * DAY_MS)
      .default(3 * DAY_MS)
      .meta({ description: 'How long in ms a job’s answer is kept after its end.' }),
    maxKept: count(1, 10_000_000).default(50_000).meta({
      description: 'Ended jobs of the cell that are kept; beyond it the oldest are deleted first.',
    }),
    maxFailures: count(1, 1000).default(8).meta({
      description:
        'Failures of ours, daemons that died while they ran it included, after which a job is left to an operator.',
    }),
    concurrency: count(1, 1000).default(16).meta({
      description: 'Parked jobs that run at once, for each daemon of the cell.',
      env: 'SLOTKEEPER_DEFERRAL_CONCURRENCY',
    }),
    webhook,
  })
  .prefault({})
  .refine(({ retryAfterMs, maxRetryAfterMs }) => retryAfterMs <= maxRetryAfterMs, {
    message: 'retryAfterMs must not exceed maxRetryAfterMs',
    path: ['retryAfterMs'],
  });

export type DeferralConfig = Readonly<z.infer<typeof deferralSchema>>;
