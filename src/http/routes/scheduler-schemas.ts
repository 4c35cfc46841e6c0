// The Scheduler API's wire forms: what a request may say and what an answer says. The router
// validates with these schemas and the OpenAPI document is generated from them, so the two cannot
// disagree. Nothing here touches the scheduler.
import { z } from 'zod';
import { isRequestId, MODEL_PATTERN, NAME_PATTERN, OUTCOMES } from '../../core/domain.ts';
import { MAX_AMOUNT_MICRO } from '../../core/money.ts';
import { ERROR_CODES } from '../../core/errors.ts';

export const MAX_TARGETS = 8;
const MAX_TOKEN_LENGTH = 2048;

/** URLs cannot carry these two as a path segment: every URL parser resolves them away. */
const UNADDRESSABLE_IDS = new Set(['.', '..']);

export const requestId = z
  .string()
  .refine((id) => isRequestId(id) && !UNADDRESSABLE_IDS.has(id), {
    message: 'use 1 to 128 printable ASCII characters, no spaces, other than "." and ".."',
  })
  .meta({
    description:
      'The caller’s idempotency key: a repeat by the same caller gets the same lease. Printable ASCII without spaces; percent-encode it in paths.',
    examples: ['job-4711'],
    override: { minLength: 1, maxLength: 128, pattern: '^[\\x21-\\x7e]{1,128}$' },
  });

export const poolName = z.string().regex(NAME_PATTERN, 'is not a pool name');
export const modelName = z.string().regex(MODEL_PATTERN, 'is not a model name');

export const target = z
  .strictObject({ pool: poolName, model: modelName })
  .meta({ id: 'Target', description: 'A pool and the model’s name at that upstream.' });

export const fence = z
  .int()
  .min(1)
  .meta({ description: 'The number that the grant returned; only its holder knows it.' });

export const leaseToken = z.string().min(1).max(MAX_TOKEN_LENGTH).meta({
  description:
    'Opaque. Shown with a renewal, it lets the lease live on in a store that has lost its data; each renewal that shows one returns the next.',
});

export const outcome = z.enum(OUTCOMES).meta({
  id: 'Outcome',
  description: 'How the attempt ended; `success` by default.',
});

export const MAX_WAIT_MS = 3_600_000;
export const micro = z.int().min(0).max(MAX_AMOUNT_MICRO);
export const tokens = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);

const session = z.string().min(1).max(1024).meta({
  description: 'The conversation that the request belongs to, in the caller’s words.',
});

export const cellTimeMs = z.int().meta({
  description: 'Cell time (Redis TIME) in ms at which the lease ends unless renewed.',
});

/** Life of a lease, as far as the configuration lets it be chosen. */
export function lifeSchema({ maxLeaseMs }: LifeOptions) {
  return z
    .int()
    .min(100)
    .max(maxLeaseMs)
    .meta({ description: 'Life of the lease in ms; the configured `leaseMs` by default.' });
}

export interface LifeOptions {
  readonly maxLeaseMs: number;
}

/** The bodies whose bounds depend on the configuration. */
export function requestSchemas(options: LifeOptions) {
  const leaseMs = lifeSchema(options);
  return {
    acquire: acquireSchema(leaseMs),
    lane: laneSchema(leaseMs),
    renew: z
      .strictObject({ fence, leaseMs: leaseMs.optional(), leaseToken: leaseToken.optional() })
      .meta({ id: 'RenewRequest' }),
    path: z.strictObject({ requestId }),
  };
}

function acquireSchema(leaseMs: z.ZodType<number>) {
  return z
    .strictObject({
      requestId: requestId.optional(),
      route: modelName.optional().meta({ description: 'A model alias of the configuration.' }),
      targets: z.array(target).min(1).max(MAX_TARGETS).optional().meta({
        description: 'Ordered: a later one is used only where all earlier ones are full.',
      }),
      leaseMs: leaseMs.optional(),
      waitMs: z.int().min(0).max(MAX_WAIT_MS).default(0).meta({
        description: 'How long in ms it may be queued where nothing is free; 0: refused at once.',
      }),
      priority: z.int().min(0).max(9).optional().meta({
        description: 'Among the waiters of its tenant, 0 the most urgent; the tenant’s by default.',
      }),
      tokens: tokens.default(0).meta({
        description: 'Estimated input and output, charged to rates of tokens.',
      }),
      reserveMicro: micro.default(0).meta({
        description: 'Estimated cost in micro-units, held under the budgets until the release.',
      }),
      session: session.optional().meta({
        description: 'A conversation: the account that served it before is preferred.',
      }),
      lane: z.boolean().default(false).meta({
        description: 'Whether requests of the session that say so run one at a time, as they come.',
      }),
    })
    .refine((body) => !body.lane || body.session !== undefined, {
      message: 'a lane is a session’s: give `session`',
      path: ['session'],
    })
    .refine((body) => (body.route === undefined) !== (body.targets === undefined), {
      message: 'give exactly one of `route` and `targets`',
    })
    .meta({
      id: 'AcquireRequest',
      override: { oneOf: [{ required: ['route'] }, { required: ['targets'] }] },
    });
}

function laneSchema(leaseMs: z.ZodType<number>) {
  return z
    .strictObject({
      session,
      requestId: requestId.optional(),
      leaseMs: leaseMs.optional(),
      waitMs: z.int().min(0).max(MAX_WAIT_MS).default(0).meta({
        description: 'How long in ms it may wait for those before it; 0: refused at once.',
      }),
    })
    .meta({ id: 'LaneRequest' });
}

export const slotSchema = z
  .strictObject({
    requestId,
    account: z.string().meta({ description: 'The account whose slot is held.' }),
    pool: poolName,
    model: modelName,
    fence,
    expiresAtMs: cellTimeMs,
    leaseMs: z.int().meta({ description: 'Life in ms that the lease was given.' }),
    leaseToken: leaseToken.optional(),
    replayed: z.boolean().meta({
      description: 'True when an earlier request with this id was granted this lease.',
    }),
  })
  .meta({ id: 'Slot' });

/** The right to a session's lane alone. */
export const laneHoldSchema = z
  .strictObject({
    requestId,
    fence: fence.meta({ description: 'Rises with every holder of the lane.' }),
    expiresAtMs: cellTimeMs,
    leaseMs: z.int().meta({ description: 'Life in ms that the lease was given.' }),
    leaseToken: leaseToken.optional(),
    replayed: z.boolean().meta({
      description: 'True when an earlier request with this id was granted this lease.',
    }),
  })
  .meta({ id: 'LaneHold' });

export const renewedSchema = z
  .strictObject({ expiresAtMs: cellTimeMs, leaseToken: leaseToken.optional() })
  .meta({ id: 'Renewed' });

export const errorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.enum(ERROR_CODES),
    }),
  })
  .meta({ id: 'Error' });

export type LaneHoldBody = z.infer<typeof laneHoldSchema>;
export type SlotBody = z.infer<typeof slotSchema>;
