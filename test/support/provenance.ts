// Provenance records for tests of what reads them.
import type { Figures, ProvenanceRecord } from '../../src/core/estimates.ts';

export function figures(tokens: number, costMicro?: number): Figures {
  return { inputTokens: tokens, outputTokens: 0, cachedInputTokens: 0, costMicro };
}

/** A live request that came to 100 tokens, and for which both estimators had said so. */
export function aRecord(wish: Partial<ProvenanceRecord> = {}): ProvenanceRecord {
  return {
    id: 'r1',
    source: 'live',
    inputHash: '0'.repeat(64),
    tenant: 'team-a',
    route: 'fast',
    pool: 'openai',
    model: 'gpt-4o',
    atMs: 0,
    versions: { v1: '1', v2: '2' },
    reservedBy: 'v1',
    v1: figures(100),
    v2: figures(100),
    actual: figures(100),
    basis: {
      characters: 400,
      attachments: 0,
      answers: 1,
      outputLimit: undefined,
      countedTokens: 100,
      outOfScope: [],
    },
    ...wish,
  };
}

/** As the store's reader hands them out. */
export async function* stored(records: readonly (ProvenanceRecord | undefined)[]) {
  for (const record of records) yield { record };
}
