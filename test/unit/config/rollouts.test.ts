// Rollouts as a file writes them, and what is wrong with those that cannot be.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';

function parse(rollout: object) {
  const pools = { p: { baseUrl: 'http://x/v1', models: ['m'], accounts: [] } };
  const account = { name: 'a', maxConcurrency: 1 };
  const text = JSON.stringify({
    pools: { p: { ...pools.p, accounts: [account] } },
    rollouts: { r: rollout },
  });
  return parseConfig(text, { source: 'f', env: {} });
}

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
      arms: [
        { name: 'control', percent: 90, selection: 'least_loaded', targets: undefined },
        { name: 'canary', percent: 10, selection: 'fastest', targets: undefined },
      ],
    });
  });

  it.each([
    [{ what: 'breaker', arms: arms({}, {}) }, 'rollouts.r.what: breaker cannot be rolled out yet'],
    [{ what: 'estimator', arms: arms({}, {}) }, 'estimator cannot be rolled out yet'],
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

  it('is refused beside another one of the same for the same requests', () => {
    const one = { what: 'selection', arms: { base: { percent: 100 } } };
    const pools = {
      p: { baseUrl: 'http://x/v1', models: ['m'], accounts: [{ name: 'a', maxConcurrency: 1 }] },
    };
    const text = JSON.stringify({ pools, rollouts: { one, other: one } });

    expect(() => parseConfig(text, { source: 'f', env: {} })).toThrow('same requests as one');
  });
});
