// The options about callers: `tenants`, and `admin`, which may create more of them. The same terms,
// with the same bounds, are what the admin API takes. What they mean together with pools and routes
// is checked in tenants-check.ts, and resolved in tenants-resolve.ts.
import { z } from 'zod';
import { parseMoney } from '../core/money.ts';
import { amount as writtenAmount, period } from './costs-schema.ts';
import { model, name } from './names.ts';

/** Shortest secret that is accepted, in characters. */
export const MIN_SECRET_LENGTH = 16;

const MAX_REQUESTS = 10_000_000;
const MAX_TOKENS = 1_000_000_000;
const MAX_SLOTS = 10_000_000;

/** How numbers are written: a file's may come out of a variable as text, a JSON body's may not. */
export interface Numbers {
  readonly whole: (min: number, max: number) => z.ZodType<number>;
  readonly amount: z.ZodType<number>;
}

export const WRITTEN: Numbers = {
  whole: (min, max) => z.coerce.number().int().min(min).max(max),
  amount: writtenAmount,
};

export const EXACT: Numbers = {
  whole: (min, max) => z.int().min(min).max(max),
  amount: z
    .number()
    .min(0)
    .refine((value) => parseMoney(value) !== undefined, 'give at most a million, six decimals'),
};

/** Requests and tokens a minute, of a tenant or of an account. */
export function rates({ whole }: Numbers) {
  return {
    requestsPerMinute: whole(1, MAX_REQUESTS).optional().meta({
      description: 'Requests that may begin in a minute, evenly spread.',
    }),
    requestsBurst: whole(1, MAX_REQUESTS).optional().meta({
      description: 'Requests that may begin at once; `requestsPerMinute` by default.',
    }),
    tokensPerMinute: whole(1, MAX_TOKENS).optional().meta({
      description: 'Tokens a minute, charged by an estimate and corrected by the actual use.',
    }),
    tokensBurst: whole(1, MAX_TOKENS).optional().meta({
      description: 'Tokens that may be used at once; `tokensPerMinute` by default.',
    }),
  };
}

/** What a tenant may do: everything about it but its name and its keys. */
export function tenantTerms(numbers: Numbers) {
  const { whole, amount } = numbers;
  const budget = z.strictObject({
    stop: amount.meta({
      description: 'Spend beyond which the tenant’s requests are refused; needs `budget`.',
    }),
    warn: amount.optional().meta({ description: 'Spend at which one warning is given.' }),
    period: period.default('month').meta({
      description: 'When the tenant’s spend begins at 0 again: never, each day, each month.',
    }),
  });
  return {
    enabled: z.boolean().default(true).meta({
      description: 'Whether its keys open anything; running requests end in peace.',
    }),
    weight: whole(1, 1000).default(1).meta({
      description: 'Share of the slots beside other tenants that wait.',
    }),
    priority: whole(0, 9).default(5).meta({
      description: 'Of its requests that name none, among its own: lower is more urgent.',
    }),
    maxConcurrency: whole(1, MAX_SLOTS).optional().meta({
      description: 'Slots that it may hold at once, over all pools; without one, any number.',
    }),
    ...rates(numbers),
    rateLimited: z.enum(['refuse', 'wait']).default('refuse').meta({
      description: 'What becomes of its requests beyond its rates.',
    }),
    routes: z.array(model).max(1000).optional().meta({
      description: 'Aliases that it may ask for; absent: all. Others look unknown to it.',
    }),
    providers: z.array(name).max(1000).optional().meta({
      description: 'Pools that may serve it; absent: all.',
    }),
    reservedSlots: z.record(name, whole(1, MAX_SLOTS)).default({}).meta({
      description: 'By pool: slots that it gets first; others use them while it does not.',
    }),
    budget: budget.optional(),
  };
}

const secret = z.string().min(MIN_SECRET_LENGTH, `use at least ${MIN_SECRET_LENGTH} characters`);

const tenant = z.strictObject({
  ...tenantTerms(WRITTEN),
  keys: z.array(secret).max(100).default([]).meta({
    description: 'API keys, normally as ${ENV_NAME}.',
    secret: true,
  }),
});

export const tenantsSchema = z.record(name, tenant).default({}).meta({
  description: 'Callers with limits of their own, by name.',
});

export const adminSchema = z
  .strictObject({
    token: secret.optional().meta({
      description: 'Token that guards /admin; without one the admin API is closed.',
      env: 'SLOTKEEPER_ADMIN_TOKEN',
      secret: true,
    }),
  })
  .prefault({});

/** Terms as they are written, defaults filled in. */
export type WrittenTerms = z.output<z.ZodObject<ReturnType<typeof tenantTerms>>>;
