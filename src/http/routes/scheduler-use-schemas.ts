// The Scheduler API's wire forms of how a use goes on and ends: release and move. The rest, and what
// both are made of, is scheduler-schemas.ts's.
import { z } from 'zod';
import { NAME_PATTERN } from '../../core/domain.ts';
import {
  MAX_TARGETS,
  MAX_WAIT_MS,
  fence,
  leaseToken,
  lifeSchema,
  micro,
  modelName,
  outcome,
  requestSchemas,
  slotSchema,
  target,
  tokens,
  type LifeOptions,
} from './scheduler-schemas.ts';

const MAX_EXCLUDED = 16;
const MAX_RETRY_AFTER_MS = 3_600_000;

const needsFence = {
  message: 'what a use came to needs the fence of the lease',
  path: ['fence'],
};

const retryAfterMs = z.int().min(0).max(MAX_RETRY_AFTER_MS);

/** What an attempt has shown of its account, beside its outcome. */
const shown = {
  retryAfterMs: retryAfterMs.optional().meta({
    description: 'After which the upstream wants to be asked again; with `rate_limited` and such.',
  }),
  countsForBreaker: z.boolean().optional().meta({
    description:
      'Whether its breaker takes it for a failure; `overloaded` and `failed` by default.',
  }),
  scope: z.enum(['account', 'model']).optional().meta({
    description: 'What `retryAfterMs` is about: the account (default), or this model of it alone.',
  }),
};

/** How a use ended and what it came to. */
const use = {
  outcome: outcome.optional(),
  ...shown,
  costMicro: micro.optional().meta({
    description: 'Actual cost in micro-units; without it the reservation is settled at its sum.',
  }),
  tokens: tokens.optional().meta({
    description: 'Actual input and output; without them the estimate stays charged.',
  }),
};

type ToldUse = { readonly [Name in keyof typeof use]?: unknown } & {
  readonly fence?: number | undefined;
};

function hasFenceForUse(told: ToldUse): boolean {
  const names = Object.keys(use) as (keyof typeof use)[];
  return told.fence !== undefined || names.every((name) => told[name] === undefined);
}

const releaseSchema = z
  .strictObject({ fence: fence.optional(), ...use })
  .refine(hasFenceForUse, needsFence)
  .meta({ id: 'ReleaseRequest' });

const releaseQuerySchema = z
  .strictObject({
    fence: z
      .string()
      .regex(/^[1-9]\d{0,15}$/, 'must be a whole number above 0')
      .transform(Number)
      .pipe(fence)
      .optional(),
    ...use,
    retryAfterMs: z.coerce.number().pipe(retryAfterMs).optional(),
    countsForBreaker: z
      .enum(['true', 'false'])
      .transform((word) => word === 'true')
      .optional(),
    costMicro: z.coerce.number().pipe(micro).optional(),
    tokens: z.coerce.number().pipe(tokens).optional(),
  })
  .refine(hasFenceForUse, needsFence);

function moveSchema(options: LifeOptions) {
  return z
    .strictObject({
      fence,
      outcome,
      ...shown,
      route: modelName.optional().meta({ description: 'Where the request may go: a model alias.' }),
      targets: z.array(target).min(1).max(MAX_TARGETS).optional().meta({
        description: 'Where the request may go, in this order.',
      }),
      exclude: z
        .array(z.string().regex(NAME_PATTERN, 'is not an account name'))
        .max(MAX_EXCLUDED)
        .default([])
        .meta({ description: 'Accounts that were tried before the one that is given back.' }),
      waitMs: z.int().min(0).max(MAX_WAIT_MS).default(0).meta({
        description:
          'How long in ms it may wait where nothing is free, without an account; 0: refused at once.',
      }),
      priority: z.int().min(0).max(9).optional().meta({
        description: 'Among those that wait, 0 the most urgent; the tenant’s by default.',
      }),
      leaseMs: lifeSchema(options).optional(),
      leaseToken: leaseToken.optional(),
    })
    .refine((body) => (body.route === undefined) !== (body.targets === undefined), {
      message: 'give either a route or targets',
      path: ['targets'],
    })
    .meta({
      id: 'MoveRequest',
      override: { oneOf: [{ required: ['route'] }, { required: ['targets'] }] },
    });
}

/** All that the Scheduler API is asked with. */
export function schedulerSchemas(options: LifeOptions) {
  return {
    ...requestSchemas(options),
    release: releaseSchema,
    releaseQuery: releaseQuerySchema,
    move: moveSchema(options),
  };
}

export type SchedulerSchemas = ReturnType<typeof schedulerSchemas>;

export const releasedSchema = z
  .strictObject({ result: z.enum(['released', 'already', 'cancelled', 'was_granted']) })
  .meta({
    id: 'Released',
    description:
      'With a fence `released` or `already`; without one `cancelled`, `was_granted` (and released now) or `already`.',
  });

export const movedSchema = slotSchema.omit({ replayed: true }).meta({ id: 'Moved' });

export type MovedBody = z.infer<typeof movedSchema>;
