// The options about money and runs: `budget`, `prices`, `runs`. With their defaults and sentences;
// what they mean together is checked in costs-check.ts, and resolved in costs-resolve.ts.
import { z } from 'zod';
import { parseMoney } from '../core/money.ts';
import { isTimeZone, PERIODS } from '../core/periods.ts';
import { templateFault } from '../core/template.ts';
import { sessionSources } from './sessions-schema.ts';

const MAX_AMOUNT = 1_000_000;

/** An amount of the budget's currency, kept as it was written: micro-units are made of it later. */
export const amount = z.coerce
  .number()
  .min(0)
  .max(MAX_AMOUNT)
  .refine((value) => parseMoney(value) !== undefined, 'give at most six decimals');

export const period = z.enum(PERIODS);

const globalBudget = z
  .strictObject({
    warn: amount.default(20).meta({
      description: 'Spend at which one warning is given; requests go on.',
    }),
    stop: amount.default(25).meta({
      description: 'Spend beyond which requests are refused with 429 `insufficient_quota`.',
    }),
    period: period.default('month').meta({
      description: 'When the spend begins at 0 again: never, each day, each month.',
    }),
  })
  .prefault({});

/** Also where the gate is off: tokens per minute are charged by the same estimate. */
export const DEFAULT_OUTPUT_TOKENS = 1024;

/** Absent: the budget gate is off. */
export const budgetSchema = z
  .strictObject({
    currency: z
      .string()
      .refine(isCurrency, 'use an ISO 4217 code in capitals, such as EUR')
      .default('EUR')
      .meta({ description: 'Currency of all amounts and prices here, as its ISO code.' }),
    timeZone: z
      .string()
      .refine(isZoneName, 'use an IANA time zone, such as Europe/Berlin')
      .default('UTC')
      .meta({ description: 'IANA time zone in which days and months begin.' }),
    usdRate: amount
      .refine((rate) => rate > 0, 'must be above 0')
      .optional()
      .meta({
        description:
          'Units of the currency for one US dollar. Needed unless the currency is USD or `prices` ' +
          'has all models: prices that we know are in dollars.',
      }),
    global: globalBudget,
    unpriced: z.enum(['refuse', 'free']).default('refuse').meta({
      description: 'What becomes of requests for models without any price.',
    }),
    defaultOutputTokens: z.coerce
      .number()
      .int()
      .min(0)
      .max(1_000_000)
      .default(DEFAULT_OUTPUT_TOKENS)
      .meta({
        description: 'Output tokens that are reserved for a request that sets no limit itself.',
      }),
  })
  .optional();

const price = z.strictObject({
  input: amount.meta({ description: 'Price of a million input tokens.' }),
  output: amount.meta({ description: 'Price of a million output tokens.' }),
  cachedInput: amount.optional().meta({
    description: 'Price of a million input tokens that the upstream had cached; else `input`.',
  }),
});

export const pricesSchema = z
  .record(z.string().regex(/^[\x21-\x7e]{1,265}$/, 'use a model, or pool/model'), price)
  .default({})
  .meta({ description: 'Prices by model or pool/model, over those that we know.' });

export const runsSchema = z
  .strictObject({
    sessionPattern: z
      .string()
      .max(200)
      .superRefine((template, context) => {
        const fault = templateFault(template, 'run');
        if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
      })
      .default('{}:{}:{run}:{}:{}')
      .meta({
        description:
          'Form of a session id that holds a run id: `{}` is any part, `{run}` the run id.',
      }),
    sessionFrom: sessionSources.default(['header']).meta({
      description:
        'Where a session id that holds a run id is looked for, in this order: `header` ' +
        '(x-slotkeeper-session), or the fields `user`, `prompt_cache_key`, ' +
        '`metadata.session_id`, `metadata.user_id` of the body.',
    }),
    stickyProvider: z.boolean().default(true).meta({
      description: 'Whether the provider of a run’s first request serves its others too.',
    }),
    maxRemembered: z.coerce.number().int().min(1).max(10_000_000).default(100_000).meta({
      description: 'Runs whose provider is remembered; beyond it the longest unused is forgotten.',
    }),
  })
  .prefault({});

function isCurrency(code: string): boolean {
  return Intl.supportedValuesOf('currency').includes(code);
}

/** Offsets such as +02:00 would be taken too, and would miss every change of the clocks. */
function isZoneName(zone: string): boolean {
  return /^[A-Za-z]/.test(zone) && isTimeZone(zone);
}
