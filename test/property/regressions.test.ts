// @module-tag redis_required
// Sequences that random runs, or the reading before them, have found to fail once. The model beside
// the cell checks every step of them, so a case only says what happens.
import { describe, it } from 'vitest';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';
import { useRedis } from '../support/redis.ts';
import type { Command, OpChoice } from './commands.ts';
import { play } from './drive/assertion.ts';

const store = useRedis();

const SETTINGS = { gapMs: 10_000, recoveryMs: 100, rememberMs: 1000, rememberMax: 1000 };
const RECOVERED: Command = { kind: 'wait until', event: 'recovered', plusMs: 0 };

function anAccount(name: string, model: string): SchedulerAccount {
  const facts = { pool: 'p', maxConcurrency: 2, weight: 1, priority: 0, enabled: true };
  return { name, ...facts, models: [model] };
}

function batch(daemon: number, ...ops: readonly OpChoice[]): Command {
  return { kind: 'batch', daemon, track: 0, isOutOfMemory: false, ops };
}

function acquire(id: 'fresh' | 'granted before', model = 'x'): OpChoice {
  const choice = id === 'fresh' ? { kind: id } : { kind: id, n: 0 };
  const asked = { isUsual: false, demand: `p\t${model}`, leaseMs: 1000, holder: 'h0' };
  return { kind: 'acquire', id: choice, ...asked };
}

const RELEASE: OpChoice = {
  kind: 'release',
  of: { among: 'open', n: 0 },
  off: 0,
  outcome: 'success',
};

async function holdsAfter(
  accounts: readonly SchedulerAccount[],
  ...commands: readonly Command[]
): Promise<void> {
  await play(store.redis, { settings: SETTINGS, isServerWatched: true, accounts, commands });
}

describe('the model holds', () => {
  it('for a daemon that knows a configuration which was lost and replaced by another', async () => {
    const [first, lost, other] = [anAccount('a', 'x'), anAccount('b', 'y'), anAccount('c', 'z')];

    await holdsAfter(
      [first],
      { kind: 'save' },
      { kind: 'configure', daemon: 0, accounts: [lost, first] },
      { kind: 'roll back' },
      { kind: 'configure', daemon: 1, accounts: [other, first] },
      RECOVERED,
      batch(1, acquire('fresh', 'z')),
      RECOVERED,
      batch(0, acquire('fresh'), acquire('fresh', 'y')),
      batch(0, acquire('fresh'), acquire('fresh', 'z')),
    );
  });

  it('for a daemon that has seen a cell which was emptied and configured differently', async () => {
    const [first, other] = [anAccount('a', 'x'), anAccount('b', 'y')];

    await holdsAfter(
      [first],
      batch(0, acquire('fresh')),
      { kind: 'configure', daemon: 1, accounts: [other, first] },
      { kind: 'flush' },
      batch(1, acquire('fresh')),
      RECOVERED,
      batch(0, acquire('fresh'), acquire('fresh', 'y')),
    );
  });

  it('for an id that is released and acquired again in one batch', async () => {
    await holdsAfter(
      [anAccount('a', 'x')],
      batch(0, acquire('fresh')),
      batch(0, RELEASE, acquire('granted before')),
      batch(0, acquire('granted before')),
    );
  });

  it('for a release from an account whose class is gone', async () => {
    const [first, second] = [anAccount('a', 'x'), anAccount('b', 'y')];

    await holdsAfter(
      [first, second],
      batch(0, acquire('fresh', 'y')),
      { kind: 'configure', daemon: 0, accounts: [first] },
      batch(0, RELEASE),
    );
  });

  it('for a release after the last account is gone', async () => {
    await holdsAfter(
      [anAccount('a', 'x')],
      batch(0, acquire('fresh')),
      { kind: 'configure', daemon: 0, accounts: [] },
      batch(0, RELEASE),
    );
  });
});
