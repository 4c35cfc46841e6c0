// From the configuration to the rules by which requests are admitted, charged and kept with their
// runs. Made once, at start-up; how they are applied is the heart's, charge.ts's and run.ts's matter.
import { DEFAULT_OUTPUT_TOKENS } from '../config/costs-schema.ts';
import type { Config } from '../config/schema.ts';
import { loadPriceTable } from '../costs/price-table.ts';
import type { Logger } from '../log/logger.ts';
import type { AdmissionPolicy } from '../scheduler/admission.ts';
import { limitsOf } from '../tenants/limits.ts';
import { RunProviders, type RunProvidersOptions } from '../sessions/run-provider.ts';
import type { ChargeRules } from './charge.ts';
import type { RunRules } from './run.ts';

/** What the heart enforces of tenants and budgets. */
export function admissionOf({ tenants, budget }: Config): AdmissionPolicy {
  const { timeZone = 'UTC' } = budget ?? {};
  const limits = [...tenants.values()].map(limitsOf);
  return { tenants: limits, timeZone, ...(budget && { budget: budget.global }) };
}

/** Warns of models without a price, once, with their names. */
export async function loadChargeRules(config: Config, logger: Logger): Promise<ChargeRules> {
  const { budget } = config;
  const { defaultOutputTokens = DEFAULT_OUTPUT_TOKENS } = budget ?? {};
  if (budget === undefined) return { prices: undefined, defaultOutputTokens };
  const prices = await loadPriceTable(config, budget);
  if (prices.unpriced.length > 0) {
    const policy = `budget.unpriced is ${budget.unpriced}`;
    logger.warn(`some models have no price; ${policy}`, { models: prices.unpriced });
  }
  return { prices, defaultOutputTokens };
}

/** With a single provider there is nothing to stay with: its runs are not remembered. */
export function makeRunRules(
  { runs, accounts, scheduler }: Config,
  store: Pick<RunProvidersOptions, 'redis' | 'keyStyle'>,
): RunRules {
  const { session, sessionFrom, stickyProvider, maxRemembered } = runs;
  const { redis, keyStyle } = store;
  const hasChoice = new Set(accounts.map(({ pool }) => pool)).size > 1;
  const memory =
    stickyProvider && hasChoice
      ? new RunProviders({ redis, keyStyle, cell: scheduler.cell, maxRemembered })
      : undefined;
  return { session, sessionFrom, memory };
}
