// List prices of well-known models, from a package that carries them: no network is asked. In US
// dollars, and as the package knows them; what is configured always goes before.
import type { calcPrice, ModelPrice } from '@pydantic/genai-prices';

/** Millionths of a US dollar for a million tokens. */
export interface UsdPrice {
  readonly inputMicroUsd: number;
  readonly outputMicroUsd: number;
  readonly cachedInputMicroUsd: number;
}

/** What is known of a model's place. */
export interface ModelPlace {
  readonly model: string;
  readonly baseUrl: string;
  /** The dialect, which for two vendors is their name. */
  readonly provider: string;
}

/** Undefined for a model that the package does not know, or not by tokens. */
export type KnownPrices = (place: ModelPlace) => UsdPrice | undefined;

/** Loaded on demand: the package costs a start some 40 ms and 20 MB. */
export async function loadKnownPrices(): Promise<KnownPrices> {
  const { calcPrice } = await import('@pydantic/genai-prices');
  return (place) => {
    const found = find(calcPrice, place);
    return found === undefined ? undefined : usdPriceOf(found);
  };
}

/** By the upstream's address, then by the dialect's vendor, then by the model's name alone. */
function find(calc: typeof calcPrice, { model, baseUrl, provider }: ModelPlace) {
  const usage = { input_tokens: 1 };
  const found =
    calc(usage, model, { providerApiUrl: baseUrl }) ??
    calc(usage, model, { providerId: provider }) ??
    calc(usage, model);
  return found?.model_price;
}

function usdPriceOf(price: ModelPrice): UsdPrice | undefined {
  const input = dearest(price['input_mtok']);
  const output = dearest(price['output_mtok']);
  // Without any price at all a model is free (moderation); by the hour or the picture it is not.
  const isByTokens = input !== undefined || output !== undefined;
  if (!isByTokens && Object.keys(price).length > 0) return undefined;
  return {
    inputMicroUsd: microUsd(input ?? 0),
    outputMicroUsd: microUsd(output ?? 0),
    cachedInputMicroUsd: microUsd(dearest(price['cache_read_mtok']) ?? input ?? 0),
  };
}

/** Some prices rise with a request's size: all of it is counted at the dearest step. */
function dearest(price: ModelPrice[string]): number | undefined {
  if (typeof price !== 'object') return price;
  return Math.max(price.base, ...price.tiers.map((tier) => tier.price));
}

/** Rounded up; fifteen digits first, since 0.1 × 10⁶ is a little more than 100,000 to a computer. */
function microUsd(usd: number): number {
  return Math.ceil(Number((usd * 1_000_000).toPrecision(15)));
}
