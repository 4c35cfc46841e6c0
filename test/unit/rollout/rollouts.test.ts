// Which arm requests and accounts are in, and what the arms say of them.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { accountsInArms } from '../../../src/rollout/breaker-arms.ts';
import { Rollouts } from '../../../src/rollout/rollouts.ts';

const NAMES = Array.from({ length: 200 }, (_, i) => `a${i}`);
const QUICK = { breaker: { consecutiveFailures: 2 } };

function aConfig(rollouts: object) {
  const accounts = NAMES.map((name) => ({ name, maxConcurrency: 1 }));
  const pool = { baseUrl: 'http://x/v1', models: ['m'] };
  const pools = {
    p: { ...pool, accounts },
    q: { ...pool, accounts: [{ name: 'other', maxConcurrency: 1 }] },
  };
  return parseConfig(JSON.stringify({ pools, rollouts }), { source: 'f', env: {} });
}

function arms(percent: number, more: object) {
  return { control: { percent: 100 - percent }, canary: { percent, ...more } };
}

function aRollouts(rollouts: object, entries: ReadonlyMap<string, string> = new Map()) {
  const policies = { entries, change: () => Promise.reject(new Error('not here')) };
  return new Rollouts({ config: aConfig(rollouts), policies, speeds: { scoreOf: () => 0 } });
}

const set = (canary: number) => new Map([['rollout:r', JSON.stringify({ arms: { canary } })]]);

function canaries(rollouts: object, entries: ReadonlyMap<string, string> = new Map()) {
  return accountsInArms(aConfig(rollouts), entries)
    .filter(({ breakerArms }) => breakerArms?.arm === 'canary')
    .map(({ name }) => name);
}

describe('a rollout of breaker settings', () => {
  it('has about its percentage of the accounts, and keeps those that it has when it grows', () => {
    const rollouts = { r: { what: 'breaker', arms: arms(20, QUICK) } };

    const [few, more, none] = [canaries(rollouts), canaries(rollouts, set(50)), set(0)];

    expect(few.length).toBeGreaterThan(20);
    expect(few.length).toBeLessThan(60);
    expect(more).toEqual(expect.arrayContaining(few));
    expect(more.length).toBeGreaterThan(70);
    expect(canaries(rollouts, none)).toEqual([]);
  });

  it('tells the heart of the arms as they are configured, whatever percentages are set', () => {
    const rollouts = { r: { what: 'breaker', arms: arms(20, QUICK) } };

    const [account] = accountsInArms(aConfig(rollouts), set(100));

    expect(account?.breakerArms).toEqual({
      rollout: 'r',
      arm: 'canary',
      arms: [
        { name: 'control', percent: 80, breaker: {} },
        { name: 'canary', percent: 20, breaker: { consecutiveFailures: 2 } },
      ],
    });
  });

  it('of a pool goes before the one for all pools, and leaves other pools to it', () => {
    const rollouts = aRollouts({
      all: { what: 'breaker', arms: arms(100, QUICK) },
      own: { what: 'breaker', pool: 'q', arms: arms(100, QUICK) },
    });

    const found = ['a1', 'other', 'nobody'].map((name) => rollouts.armOfAccount(name));

    expect(found).toEqual([
      { rollout: 'all', arm: 'canary' },
      { rollout: 'own', arm: 'canary' },
      undefined,
    ]);
    expect(rollouts.accountsIn('all')).toEqual(new Map([['canary', 200]]));
    expect(rollouts.accountsIn('own')).toEqual(new Map([['canary', 1]]));
  });

  it('puts no request into its arms, and accounts into no other kind’s', () => {
    const breaker = aRollouts({ r: { what: 'breaker', arms: arms(50, QUICK) } });
    const other = aRollouts({ r: { what: 'selection', arms: arms(50, {}) } });

    expect(breaker.armsOf('m', 'session')).toEqual([]);
    expect(other.armOfAccount('a1')).toBeUndefined();
  });
});

describe('the estimator of a request', () => {
  const byArm = (rollouts: Rollouts) => {
    const keys = Array.from({ length: 400 }, (_, i) => `session-${i}`);
    return keys.map((key) => rollouts.estimatorFor(rollouts.armsOf('m', key)));
  };
  const part = (found: readonly (string | undefined)[]) =>
    found.filter((one) => one === 'v2').length / 400;

  it('is none of the rollouts’ where nothing is rolled out', () => {
    const rollouts = aRollouts({ r: { what: 'selection', arms: arms(100, {}) } });

    expect([part(byArm(rollouts)), rollouts.estimatorFor()]).toEqual([0, undefined]);
  });

  it('is that of its arm, by a stable hash of its session, and the set percentages', () => {
    const file = { r: { what: 'estimator', arms: arms(30, { estimator: 'v2' }) } };

    const [first, again] = [byArm(aRollouts(file)), byArm(aRollouts(file))];

    expect(again).toEqual(first);
    expect(part(first)).toBeGreaterThan(0.2);
    expect(part(first)).toBeLessThan(0.4);
    expect(part(byArm(aRollouts(file, set(0))))).toBe(0);
  });

  it('is that of its route, where the rollout is of a route', () => {
    const rollouts = aRollouts({
      r: { what: 'estimator', route: 'm', arms: arms(100, { estimator: 'v2' }) },
    });

    const found = ['m', 'n'].map((route) => rollouts.estimatorFor(rollouts.armsOf(route, 's')));

    expect(found).toEqual(['v2', undefined]);
  });
});
