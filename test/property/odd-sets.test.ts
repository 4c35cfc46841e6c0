// @module-tag redis_required
// More sets of models in one tier than an acquire looks at: some share a class that is scanned. The
// choice is still one of the least loaded accounts, and no limit is exceeded.
import { describe, expect, it } from 'vitest';
import { useRedis } from '../support/redis.ts';
import { anOddScenario } from './commands.ts';
import { holdsFor } from './drive/assertion.ts';

const store = useRedis();

describe('the heart, where odd sets of models share a class,', () => {
  it('takes one of the least loaded accounts and keeps its invariants', async () => {
    const scenarios = anOddScenario(30);

    const coverage = await holdsFor(store.redis, scenarios, 1 / 3);

    expect(coverage.missing(MUST_MEET)).toEqual([]);
  });
});

const MUST_MEET = ['granted', 'choice open', 'limit reached', 'denied pool_full', 'second tier'];
