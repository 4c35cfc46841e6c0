// What the options about money mean together: thresholds in order, a rate where prices come in
// another currency. It reads the tree leniently; a single option's faults are the schema's.
import { z } from 'zod';
import { budgetSchema } from './costs-schema.ts';
import type { Fault } from './faults.ts';

const number = z.coerce.number().optional().catch(undefined);
const models = z.array(z.string()).optional().catch(undefined);
const account = z.object({ models });
const pool = z.object({ models, accounts: z.array(account).catch([]) });
const outline = z.object({
  budget: z
    .object({
      currency: z.string().optional(),
      usdRate: z.unknown().optional(),
      global: z.object({ warn: number, stop: number }).catch({}).optional(),
    })
    .optional()
    .catch(undefined),
  prices: z.record(z.string(), z.unknown()).catch({}).default({}),
  pools: z
    .record(z.string(), pool.catch({ accounts: [] }))
    .catch({})
    .default({}),
});

type Outline = z.infer<typeof outline>;

/** Works on the tree as the file and the environment give it, valid or not. */
export function checkCosts(tree: unknown): readonly Fault[] {
  const view = outline.safeParse(tree);
  if (!view.success || view.data.budget === undefined) return [];
  return [...checkThresholds(view.data), ...checkRate(view.data)];
}

function checkThresholds({ budget }: Outline): readonly Fault[] {
  const defaults = budgetSchema.parse({})?.global;
  const { warn = defaults?.warn ?? 0, stop = defaults?.stop ?? 0 } = budget?.global ?? {};
  if (warn <= stop) return [];
  const message = `is above stop: warn is ${warn} and stop is ${stop}, where unset by default`;
  return [{ path: ['budget', 'global', 'warn'], message }];
}

/**
 * Asked for whenever some model has no price of its own, whether or not we know one: otherwise a
 * configuration could become invalid by nothing but new price data.
 */
function checkRate({ budget, prices, pools }: Outline): readonly Fault[] {
  if (budget?.usdRate !== undefined || budget?.currency === 'USD') return [];
  const unpriced = Object.entries(pools).flatMap(([name, { accounts, models: inherited = [] }]) => {
    const served = new Set(accounts.flatMap((own) => own.models ?? inherited));
    return [...served].filter((model) => {
      return !Object.hasOwn(prices, `${name}/${model}`) && !Object.hasOwn(prices, model);
    });
  });
  const [example] = unpriced;
  if (example === undefined) return [];
  const message =
    `is missing: without a price of its own (${example}) a model’s price is taken in US dollars; ` +
    'give the units of the currency for one dollar, or `prices` for all models';
  return [{ path: ['budget', 'usdRate'], message }];
}
