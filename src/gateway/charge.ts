// What a request may cost and what it has cost: from its size and its targets' prices to what the
// scheduler reserves, and from how it ended to what the scheduler settles. The rules of counting are
// in costs/; budgets are kept by the heart.
import type { TargetConfig } from '../config/schema.ts';
import { OUTPUT_LIMITS } from '../core/body-fields.ts';
import type { Target } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import { estimateTokens, type Estimate, type Size } from '../costs/estimate.ts';
import type { PriceTable } from '../costs/price-table.ts';
import { costOf, type Tokens } from '../costs/price.ts';
import { usedTokens, type Ending } from '../costs/settlement.ts';

export interface ChargeRules {
  /** Undefined where the budget gate is off: nothing costs anything then. */
  readonly prices: PriceTable | undefined;
  readonly defaultOutputTokens: number;
}

/** What is reserved at the acquire. */
export interface Charge {
  /** Those of the wanted targets that have a price. */
  readonly targets: readonly TargetConfig[];
  readonly estimate: Estimate;
  /** Estimated input and output, for tokens per minute. */
  readonly tokens: number;
  /** Undefined where the budget gate is off. */
  readonly reserveMicro: number | undefined;
}

/**
 * Reserves for the dearest target and the longest answer, since any of them may be granted. Throws
 * `model_not_priced` where the gate is on and no target has a price.
 */
export function chargeOf(size: Size, wanted: readonly TargetConfig[], rules: ChargeRules): Charge {
  const { prices, defaultOutputTokens } = rules;
  const targets = prices === undefined ? wanted : pricedOf(wanted, prices);
  if (targets.length === 0) throw notPriced();
  const estimates = targets.map((target) => {
    const outputLimit = size.outputLimit ?? limitIn(target);
    return estimateTokens({ ...size, outputLimit }, defaultOutputTokens);
  });
  const { inputTokens = 0 } = estimates[0] ?? {};
  const outputTokens = Math.max(...estimates.map((one) => one.outputTokens));
  const estimate = { inputTokens, outputTokens };
  const costs = targets.map((target) =>
    costAt(target, { ...estimate, cachedInputTokens: 0 }, rules),
  );
  const reserveMicro = prices === undefined ? undefined : Math.max(...costs);
  return { targets, estimate, tokens: inputTokens + outputTokens, reserveMicro };
}

/** The same list where all have a price: the scheduler knows the lists that it has seen. */
function pricedOf(wanted: readonly TargetConfig[], prices: PriceTable): readonly TargetConfig[] {
  const isPriced = (target: TargetConfig): boolean => prices.priceOf(target) !== undefined;
  return wanted.every(isPriced) ? wanted : wanted.filter(isPriced);
}

/** What is settled at the release. */
export interface Settlement {
  readonly tokens: number;
  /** Undefined where the budget gate is off. */
  readonly costMicro: number | undefined;
}

/** By what has happened (see usedTokens), at the price of the target that was granted. */
export function settlementOf(
  ending: Ending,
  about: { readonly charge: Charge; readonly target: Target; readonly rules: ChargeRules },
): Settlement {
  const { charge, target, rules } = about;
  const used = usedTokens(ending, charge.estimate);
  const tokens = used.inputTokens + used.outputTokens;
  return { tokens, costMicro: rules.prices && costAt(target, used, rules) };
}

/** With what failed attempts told that they had used; those that told nothing used nothing. */
export function withSpent(
  last: Settlement,
  spent: readonly Spent[],
  about: { readonly charge: Charge; readonly rules: ChargeRules },
): Settlement {
  return spent.reduce((sum, { target, usage }) => {
    const ending = { usage, isAnswered: false, bytes: 0 };
    const { tokens, costMicro = 0 } = settlementOf(ending, { ...about, target });
    return {
      tokens: sum.tokens + tokens,
      costMicro: sum.costMicro === undefined ? undefined : sum.costMicro + costMicro,
    };
  }, last);
}

/** What a failed attempt told that it had used. */
export interface Spent {
  readonly target: Target;
  readonly usage: NonNullable<Ending['usage']>;
}

function costAt(target: Target, tokens: Tokens, rules: ChargeRules): number {
  const price = rules.prices?.priceOf(target);
  return price === undefined ? 0 : costOf(tokens, price);
}

function limitIn({ defaults = {} }: TargetConfig): number | undefined {
  const limits = OUTPUT_LIMITS.map((name) => defaults[name]);
  return limits.find((limit) => typeof limit === 'number');
}

function notPriced(): AppError {
  const message =
    'This model has no price, so its cost cannot be held to the budget: the operator can set ' +
    '`prices` for it, or `budget.unpriced: free`.';
  return new AppError('model_not_priced', message);
}
