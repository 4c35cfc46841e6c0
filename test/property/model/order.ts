// What the model reads in operations: their order of execution, targets, and ids.
import type { Target } from '../../../src/core/domain.ts';
import { CODES } from '../../../src/redis/codes.ts';
import type { Operation } from '../../../src/scheduler/wire.ts';

const ID = /^[A-Za-z0-9._-]+\/[\x21-\x7e]+$/;

export function isId(id: string): boolean {
  return id.length <= CODES.OPERATION.id_most && ID.test(id);
}

export function targetsOf(demand: string): readonly Target[] {
  const words = demand.split('\t');
  return words.flatMap((pool, i) => (i % 2 === 0 ? [{ pool, model: words[i + 1] ?? '' }] : []));
}

/** Acquires and reaping come last, and so does what arrived behind an acquire of the same id. */
export function inOrder(ops: readonly Operation[]): { early: number[]; late: number[] } {
  const behind = new Set<string>();
  const early: number[] = [];
  const late: number[] = [];
  ops.forEach(({ kind, id }, number) => {
    const comesLast = kind === 'acquire' || kind === 'reap' || behind.has(id);
    if (comesLast) behind.add(id);
    (comesLast ? late : early).push(number);
  });
  return { early, late };
}
