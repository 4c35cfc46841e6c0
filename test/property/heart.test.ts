// @module-tag redis_required
// Whatever several daemons send to a real Redis, in whatever order, with resends, expiries, changed
// configurations and lost data in between: the heart does what the model says, step by step, and
// the invariants hold after every step.
import { describe, expect, it } from 'vitest';
import { useRedis } from '../support/redis.ts';
import { aScenario } from './commands.ts';
import { holdsFor } from './drive/assertion.ts';

const store = useRedis();

describe('the heart, on any sequence of commands,', () => {
  it('answers what the model says and keeps its invariants after every step', async () => {
    const scenarios = aScenario(40);

    const coverage = await holdsFor(store.redis, scenarios);

    expect(coverage.missing(MUST_MEET)).toEqual([]);
  });
});

/** A run that never reaches a limit proves nothing. */
const MUST_MEET = [
  'granted',
  'replayed',
  'limit reached',
  'second tier',
  'second target',
  'denied pool_full',
  'denied no_account_for_model',
  'denied recovering',
  'denied cancelled',
  'error duplicate_request',
  'error invalid_id',
  'error invalid_lease',
  'error out_of_memory',
  'renewed',
  'lost',
  'released',
  'moved',
  'already',
  'cancelled',
  'was_granted',
  'leased',
  'finished',
  'unknown',
  'slots reaped',
  'reaped exactly at its expiry',
  'kept in recovery',
  'more',
  'overage',
  'draining above a limit',
  'retired model',
  'answered again',
  'outdated',
  'stale',
  'unconfigured',
  'flushed',
  'rolled back',
  'incarnation',
  'finished ids grew old',
  'batch of 64',
  'batch of refusals only',
];
