// A batch as its HASH holds it (lua/batches.lua). One that cannot be read counts as gone.
import {
  BATCH_STATES,
  type Batch,
  type BatchFacts,
  type BatchState,
  type LineError,
} from './batch.ts';

export function readBatch(id: string, fields: Readonly<Record<string, string>>): Batch | undefined {
  const { tenant, facts, state, ending } = fields;
  if (tenant === undefined || facts === undefined || !isState(state)) return undefined;
  const number = (name: string): number => Number(fields[name] ?? 0);
  const entered = BATCH_STATES.filter((one) => fields[`${one}_at`] !== undefined);
  return {
    ...(JSON.parse(facts) as BatchFacts),
    id,
    tenant,
    state,
    createdAtMs: number('created_at'),
    expiresAtMs: number('expires_at'),
    enteredAtMs: Object.fromEntries(entered.map((one) => [one, number(`${one}_at`)])),
    total: number('total'),
    completed: number('completed'),
    failed: number('failed'),
    fed: number('fed'),
    ending: ending === 'cancelled' || ending === 'expired' ? ending : undefined,
    errors: JSON.parse(fields['errors'] ?? '[]') as readonly LineError[],
    outputFile: fields['output'] || undefined,
    errorFile: fields['error'] || undefined,
  };
}

function isState(text: string | undefined): text is BatchState {
  return BATCH_STATES.some((state) => state === text);
}
