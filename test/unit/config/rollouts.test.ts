// Rollouts as a file writes them, and what is wrong with those that cannot be.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';

function parse(rollout: object, pool: object = {}) {
  const pools = { p: { baseUrl: 'http://x/v1', models: ['m'], accounts: [] } };
  const account = { name: 'a', maxConcurrency: 1 };
  const text = JSON.stringify({
    pools: { p: { ...pools.p, accounts: [account], ...pool } },
    rollouts: { r: rollout },
  });
  return parseConfig(text, { source: 'f', env: {} });
}

const PLAIN = { selection: 'least_loaded', targets: undefined, breaker: {}, estimator: 'v1' };

const arms = (control: object, canary: object) => ({
  control: { percent: 90, ...control },
  canary: { percent: 10, ...canary },
});

describe('a rollout', () => {
  it('has its arms in their order, the base first, with what they leave out filled in', () => {
    const config = parse({ what: 'selection', arms: arms({}, { selection: 'fastest' }) });

    expect(config.rollouts.get('r')).toEqual({
      name: 'r',
      what: 'selection',
      route: undefined,
      pool: undefined,
      arms: [
        { ...PLAIN, name: 'control', percent: 90 },
        { ...PLAIN, name: 'canary', percent: 10, selection: 'fastest' },
      ],
    });
  });

  it('of breakers has what each arm says otherwise than the pool, and no more', () => {
    const breaker = { consecutiveFailures: '2', openMs: 100 };
    const config = parse({ what: 'breaker', pool: 'p', arms: arms({}, { breaker }) });

    const { pool, arms: found = [] } = config.rollouts.get('r') ?? {};
    expect(pool).toBe('p');
    expect(found.map((arm) => arm.breaker)).toEqual([{}, { consecutiveFailures: 2, openMs: 100 }]);
  });

  it('of estimators has `v1` where an arm names none', () => {
    const config = parse({ what: 'estimator', arms: arms({}, { estimator: 'v2' }) });

    const found = config.rollouts.get('r')?.arms.map(({ estimator }) => estimator);
    expect(found).toEqual(['v1', 'v2']);
  });

  it.each([
    [{ what: 'breaker', route: 'm', arms: arms({}, {}) }, 'rollouts.r.route: does not go with'],
    [{ what: 'breaker', pool: 'q', arms: arms({}, {}) }, 'rollouts.r.pool: there is no such pool'],
    [{ what: 'selection', pool: 'p', arms: arms({}, {}) }, 'rollouts.r.pool: belongs to'],
    [
      { what: 'breaker', arms: arms({}, { breaker: { openMs: 400_000 } }) },
      'rollouts.r.arms.canary.breaker.openMs: exceeds the maxOpenMs',
    ],
    [
      { what: 'breaker', arms: arms({}, { breaker: { consecutiveFailures: 0 } }) },
      'rollouts.r.arms.canary.breaker.consecutiveFailures',
    ],
    [
      { what: 'breaker', arms: arms({}, { breaker: { threshold: 1 } }) },
      'rollouts.r.arms.canary.breaker.threshold',
    ],
    [
      { what: 'estimator', arms: arms({}, { breaker: { openMs: 100 } }) },
      'rollouts.r.arms.canary.breaker: belongs to `what: breaker` alone',
    ],
    [
      { what: 'estimator', arms: arms({}, { estimator: 'v3' }) },
      'rollouts.r.arms.canary.estimator: must be one of',
    ],
    [{ what: 'magic', arms: arms({}, {}) }, 'rollouts.r.what: must be one of'],
    [{ what: 'selection', arms: arms({ percent: 50 }, {}) }, 'make 60 and not 100'],
    [{ what: 'selection', arms: {} }, 'make 0 and not 100'],
    [{ what: 'targets', arms: arms({}, {}) }, 'rollouts.r.route: is missing'],
    [{ what: 'targets', route: 'x', arms: arms({}, {}) }, 'rollouts.r.route: there is no such'],
    [
      { what: 'targets', route: 'm', arms: arms({}, { targets: [{ pool: 'q', model: 'm' }] }) },
      'rollouts.r.arms.canary.targets[0]: there is no such pool',
    ],
    [
      { what: 'targets', route: 'm', arms: arms({ selection: 'fastest' }, {}) },
      'rollouts.r.arms.control.selection: belongs to',
    ],
    [{ what: 'selection', arms: { 1: { percent: 100 } } }, 'its name is not allowed'],
  ])('like %j is refused', (rollout, message) => {
    expect(() => parse(rollout)).toThrow(message);
  });

  it('of breakers goes with the settings of its own pool alone', () => {
    const rollout = { what: 'breaker', arms: arms({}, { breaker: { openMs: 400_000 } }) };

    const config = parse(rollout, { breaker: { maxOpenMs: 500_000 } });

    expect(config.rollouts.get('r')?.arms[1]?.breaker).toEqual({ openMs: 400_000 });
  });

  it('is refused beside another one of the same for the same requests', () => {
    const one = { what: 'selection', arms: { base: { percent: 100 } } };
    const pools = {
      p: { baseUrl: 'http://x/v1', models: ['m'], accounts: [{ name: 'a', maxConcurrency: 1 }] },
    };
    const text = JSON.stringify({ pools, rollouts: { one, other: one } });

    expect(() => parseConfig(text, { source: 'f', env: {} })).toThrow('same requests as one');
  });
});
