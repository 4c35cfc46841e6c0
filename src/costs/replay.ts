// Both estimators once more over a request that is long gone: of what they looked at then, by what
// is learned and what prices are now. Pure but for the reading of what was learned.
import type { Figures, ProvenanceRecord } from '../core/estimates.ts';
import { estimateV1 } from './estimate.ts';
import { estimateV2 } from './estimate-v2.ts';
import type { Lengths } from './lengths.ts';
import type { PriceTable } from './price-table.ts';

export interface ReplayRules {
  /** Undefined where nothing is priced. */
  readonly prices: Pick<PriceTable, 'priceOf'> | undefined;
  readonly defaultOutputTokens: number;
  readonly lengths: Pick<Lengths, 'find'>;
}

export type Replayable = Pick<ProvenanceRecord, 'tenant' | 'route' | 'pool' | 'model' | 'basis'>;

export interface Replayed {
  readonly v1: Figures;
  readonly v2: Figures;
}

/** Undefined for a record that does not tell what the estimators looked at. */
export function replay(record: Replayable, rules: ReplayRules): Replayed | undefined {
  const { basis } = record;
  if (basis === undefined) return undefined;
  const { defaultOutputTokens, lengths, prices } = rules;
  const terms = { defaultOutputTokens, price: prices?.priceOf(record) };
  return { v1: estimateV1(basis, terms), v2: estimateV2(basis, lengths.find(record), terms) };
}
