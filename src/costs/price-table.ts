// The price of every configured (pool, model), decided once at start-up: what the configuration says
// before what is known from the package. It counts nothing.
import type { BudgetConfig } from '../config/costs-resolve.ts';
import type { AccountConfig, Config } from '../config/schema.ts';
import type { Target } from '../core/domain.ts';
import { sumOf } from '../core/money.ts';
import { loadKnownPrices, type KnownPrices, type UsdPrice } from './known-prices.ts';
import type { Price } from './price.ts';

export interface PriceTable {
  /** Undefined for a target without any price, which is refused. */
  priceOf(target: Target): Price | undefined;
  /** Targets without any price, as `pool/model`: refused or free, as configured. */
  readonly unpriced: readonly string[];
}

type Wanted = Pick<Config, 'accounts' | 'prices'>;

/** The table of a configuration with a budget. */
export async function loadPriceTable(config: Wanted, budget: BudgetConfig): Promise<PriceTable> {
  return makePriceTable(config, budget, await loadKnownPrices());
}

export function makePriceTable(
  { accounts, prices }: Wanted,
  budget: BudgetConfig,
  known: KnownPrices,
): PriceTable {
  const { unpriced: policy, usdRateMicro } = budget;
  const table = new Map<string, Price>();
  const unpriced = new Set<string>();
  for (const { place, account, model } of placesOf(accounts)) {
    const { baseUrl, provider } = account;
    const listed = known({ model, baseUrl, provider });
    const price = prices.get(place) ?? prices.get(model) ?? inCurrency(listed, usdRateMicro);
    if (price === undefined) unpriced.add(place);
    const counted = price ?? (policy === 'free' ? FREE : undefined);
    if (counted !== undefined) table.set(place, counted);
  }
  return {
    priceOf: ({ pool, model }) => table.get(`${pool}/${model}`),
    unpriced: [...unpriced],
  };
}

const FREE: Price = { inputMicro: 0, outputMicro: 0, cachedInputMicro: 0 };

/** Each (pool, model) with the first account that serves it. Names of pools have no slash. */
function placesOf(accounts: readonly AccountConfig[]) {
  const places = new Map<string, { place: string; account: AccountConfig; model: string }>();
  for (const account of accounts) {
    for (const model of account.models) {
      const place = `${account.pool}/${model}`;
      if (!places.has(place)) places.set(place, { place, account, model });
    }
  }
  return places.values();
}

function inCurrency(
  price: UsdPrice | undefined,
  usdRateMicro: number | undefined,
): Price | undefined {
  if (price === undefined || usdRateMicro === undefined) return undefined;
  const convert = (count: number): number => sumOf([{ count, microPerMillion: usdRateMicro }]);
  return {
    inputMicro: convert(price.inputMicroUsd),
    outputMicro: convert(price.outputMicroUsd),
    cachedInputMicro: convert(price.cachedInputMicroUsd),
  };
}
