// Operations that tell how an attempt has ended, for the heart's tests.
import type { Outcome, OutcomeScope, Target } from '../../src/core/domain.ts';
import { demandOf } from '../../src/scheduler/wire.ts';
import type { Operation } from '../../src/scheduler/wire.ts';
import { GPT4 } from './heart.ts';

export interface MoveWish {
  readonly targets?: readonly Target[];
  readonly outcome?: Outcome;
  readonly exclude?: readonly string[];
  readonly leaseMs?: number;
  readonly retryAfterMs?: number;
  readonly scope?: OutcomeScope;
  readonly waitMs?: number;
  readonly priority?: number;
  readonly queuedMs?: number;
}

/** A failover for `gpt-4` of `openai`: what it leaves has failed. */
export function move(id: string, fence: number, wish: MoveWish = {}): Operation {
  const { targets = [GPT4], outcome = 'failed', exclude = [], leaseMs = 100, ...more } = wish;
  const demand = demandOf(targets);
  return {
    kind: 'move',
    id,
    fence,
    demand,
    leaseMs,
    outcome,
    exclude: exclude.join('\t'),
    ...more,
  };
}
