// What a request may cost and what it has cost: from its size and its targets' prices to what the
// scheduler reserves, and from how it ended to what the scheduler settles. The rules of counting are
// in costs/; budgets are kept by the heart.
import type { TargetConfig } from '../config/schema.ts';
import { OUTPUT_LIMITS } from '../core/body-fields.ts';
import type { Target } from '../core/domain.ts';
import { AppError } from '../core/errors.ts';
import type { EstimateBasis, Figures } from '../core/estimates.ts';
import { estimateTokens, estimateV1, type Estimate, type Size } from '../costs/estimate.ts';
import type { PriceTable } from '../costs/price-table.ts';
import { costOf, type Price, type Tokens } from '../costs/price.ts';
import { usedTokens, type Ending } from '../costs/settlement.ts';
import type { AtTarget, Estimating, EstimatorRules } from './estimating.ts';

export interface ChargeRules {
  /** Undefined where the budget gate is off: nothing costs anything then. */
  readonly prices: PriceTable | undefined;
  readonly defaultOutputTokens: number;
  /** Absent: `v1` alone. */
  readonly estimators?: EstimatorRules | undefined;
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
export function chargeOf(
  size: Size,
  wanted: readonly TargetConfig[],
  rules: ChargeRules,
  estimating?: Estimating,
): Charge {
  const { prices, defaultOutputTokens } = rules;
  const targets = prices === undefined ? wanted : pricedOf(wanted, prices);
  if (targets.length === 0) throw notPriced();
  if (estimating?.reservedBy === 'v2') return chargeByV2(size, targets, rules, estimating);
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

/** Each target has lengths of its own: the most of each kind is reserved. */
function chargeByV2(
  size: Size,
  targets: readonly TargetConfig[],
  rules: ChargeRules,
  estimating: Estimating,
): Charge {
  const all = targets.map((target) =>
    estimating.figuresAt(target, aboutTarget(size, target, rules)),
  );
  const inputTokens = Math.max(...all.map((one) => one.inputTokens));
  const outputTokens = Math.max(...all.map((one) => one.outputTokens));
  const reserveMicro = rules.prices && Math.max(...all.map((one) => one.costMicro ?? 0));
  const estimate = { inputTokens, outputTokens };
  return { targets, estimate, tokens: inputTokens + outputTokens, reserveMicro };
}

/** What both estimators say of the target that served a request, and what it has used there. */
export interface Compared {
  readonly v1: Figures;
  readonly v2: Figures;
  /** Undefined where the upstream did not tell all of it. */
  readonly actual: Figures | undefined;
  readonly basis: EstimateBasis;
}

/** Once its tokens are counted. */
export function compare(
  usage: Ending['usage'],
  target: TargetConfig,
  { rules, estimating }: { readonly rules: ChargeRules; readonly estimating: Estimating },
): Compared {
  const { size } = estimating;
  const about = aboutTarget(size, target, rules);
  const basis = estimating.basisAt(target, about.outputLimit);
  const actual = usage && actualOf(usage, size, about.price);
  return { v1: estimateV1(basis, about), v2: estimating.figuresAt(target, about), actual, basis };
}

function actualOf(
  { inputTokens, outputTokens, cachedInputTokens = 0 }: NonNullable<Ending['usage']>,
  { answers }: Size,
  price: Price | undefined,
): Figures | undefined {
  if (inputTokens === undefined || (outputTokens === undefined && answers > 0)) return undefined;
  const cached = Math.min(cachedInputTokens, inputTokens);
  const tokens = { inputTokens, outputTokens: outputTokens ?? 0, cachedInputTokens: cached };
  return { ...tokens, costMicro: price && costOf(tokens, price) };
}

function aboutTarget(size: Size, target: TargetConfig, rules: ChargeRules): AtTarget {
  const { prices, defaultOutputTokens } = rules;
  const outputLimit = size.outputLimit ?? limitIn(target);
  return { outputLimit, price: prices?.priceOf(target), defaultOutputTokens };
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
