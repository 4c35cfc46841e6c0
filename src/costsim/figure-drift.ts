// How far an estimate was from what a request came to. Pure.
import type { Figures } from '../core/estimates.ts';

/** By cost, or by tokens where one of them is not priced; undefined against 0. */
export function driftOf(estimate: Figures, reference: Figures): number | undefined {
  const isPriced = estimate.costMicro !== undefined && reference.costMicro !== undefined;
  const sizeOf = ({ costMicro = 0, inputTokens, outputTokens }: Figures): number =>
    isPriced ? costMicro : inputTokens + outputTokens;
  const wanted = sizeOf(reference);
  return wanted > 0 ? Math.abs(sizeOf(estimate) - wanted) / wanted : undefined;
}
