// The wire forms of what the admin API tells of the cell.
import { z } from 'zod';
import { DENIAL_REASONS, MODEL_PATTERN, NAME_PATTERN } from '../../core/domain.ts';
import { DEFAULT_TENANT } from '../../core/domain.ts';
import { ACCOUNT_VERDICTS } from '../../scheduler/explain.ts';

const tenant = z.string().regex(NAME_PATTERN, 'is not a tenant’s name');
const micro = z.number().meta({ description: 'Micro-units of the configured currency.' });
const whole = (most: number) => z.coerce.number().int().min(0).max(most);

export const insightSchemas = {
  explainQuery: z.strictObject({
    route: z.string().regex(MODEL_PATTERN, 'is not a route’s name').meta({
      description: 'The model alias that a caller would use.',
    }),
    tenant: tenant.default(DEFAULT_TENANT).meta({ description: 'Who would ask.' }),
    tokens: whole(2 ** 32 - 1)
      .default(0)
      .meta({ description: 'Estimated input and output, for rates of tokens.' }),
    reserveMicro: whole(Number.MAX_SAFE_INTEGER)
      .default(0)
      .meta({ description: 'Estimated cost, for budgets.' }),
    session: z.string().min(1).max(1024).optional().meta({
      description: 'The session that the request would name.',
    }),
  }),
  spendQuery: z.strictObject({
    by: z.enum(['tenant', 'route', 'model', 'run', 'all']).default('all'),
    tenant: tenant.optional().meta({ description: 'Only of this one.' }),
    limit: z.coerce.number().int().min(1).max(10_000).default(1000),
  }),
} as const;

const budgetSchema = z
  .strictObject({
    scope: z.string().meta({ description: '`*` for everything, or a tenant.' }),
    periodStartMs: z.number().meta({ description: '0 where all time is one period.' }),
    settledMicro: micro,
    reservedMicro: micro,
    overrunMicro: micro,
    presumedMicro: micro,
    requests: z.number(),
    warned: z.boolean(),
    warnMicro: micro,
    stopMicro: micro,
  })
  .meta({ id: 'Budget' });

export const budgetsSchema = z
  .strictObject({ currency: z.string().nullable(), budgets: z.array(budgetSchema) })
  .meta({ id: 'Budgets' });

export const spendSchema = z
  .strictObject({
    currency: z.string().nullable(),
    by: z.enum(['tenant', 'route', 'model', 'run', 'all']),
    rows: z.array(z.record(z.string(), z.unknown())),
  })
  .meta({ id: 'Spend' });

export const explanationSchema = z
  .strictObject({
    decision: z.enum(['granted', 'queued', 'refused']),
    reason: z.enum(DENIAL_REASONS).optional(),
    retryAfterMs: z.number().optional(),
    tenant: z.strictObject({
      name: z.string(),
      registered: z.boolean(),
      weight: z.number(),
      inFlight: z.number(),
      maxConcurrency: z.number().optional(),
      waiting: z.number(),
    }),
    session: z
      .strictObject({
        preferred: z.string().optional().meta({ description: 'The account that served it last.' }),
      })
      .optional(),
    slot: z
      .strictObject({
        slot: z.enum(['deep', 'primary']),
        alias: z.string().meta({ description: 'The route that serves it.' }),
        insteadOf: z.enum(['deep', 'primary']).optional().meta({
          description: 'What was asked for, and has no route.',
        }),
      })
      .optional()
      .meta({ description: 'The named slot that the route is, where work may be deferred.' }),
    queue: z.strictObject({ waiting: z.number(), estimatedWaitMs: z.number() }),
    budgets: z.array(budgetSchema),
    accounts: z.array(
      z.strictObject({
        account: z.string(),
        pool: z.string(),
        model: z.string(),
        target: z.number(),
        priority: z.number(),
        inFlight: z.number(),
        limit: z.number(),
        verdict: z.enum(ACCOUNT_VERDICTS),
        restsMs: z.number(),
        breakerArm: z
          .strictObject({ rollout: z.string(), arm: z.string() })
          .optional()
          .meta({ description: 'Whose breaker settings it has, where they are rolled out.' }),
      }),
    ),
  })
  .meta({ id: 'Explanation' });
