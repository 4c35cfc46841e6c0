// What a registry looks like that follows another one.
import { describe, expect, it } from 'vitest';
import type { Registry, SchedulerAccount } from '../../src/scheduler/plan.ts';
import {
  EMPTY_REGISTRY,
  MAX_CLASSES,
  asideOf,
  planRegistry,
  tiersOf,
} from '../../src/scheduler/plan.ts';
import { BREAKER } from '../support/health.ts';

function anAccount(name: string, wish: Partial<SchedulerAccount> = {}): SchedulerAccount {
  const defaults = { pool: 'p', maxConcurrency: 1, weight: 1, priority: 0, enabled: true };
  return { name, models: ['m'], ...defaults, ...wish };
}

function plan(
  accounts: readonly SchedulerAccount[],
  previous: Registry = EMPTY_REGISTRY,
  busy: readonly string[] = [],
): Registry {
  const isBusy = ({ model }: { readonly model: string }): boolean => busy.includes(model);
  return planRegistry(accounts, previous, { fingerprint: 'f', isBusy });
}

const numbers = (registry: Registry): Record<string, number> =>
  Object.fromEntries(registry.models.map(({ model, number }) => [model, number]));

describe('classes', () => {
  it('hold the accounts of one pool, tier and set of models', () => {
    const registry = plan([
      anAccount('a', { models: ['x', 'y'] }),
      anAccount('b', { models: ['y', 'x', 'x'] }),
      anAccount('c', { models: ['x'] }),
      anAccount('d', { models: ['x', 'y'], priority: 1 }),
      anAccount('e', { models: ['x', 'y'], pool: 'q' }),
    ]);

    const classes = registry.accounts.map((account) => account.class);
    expect(classes[0]).toBe(classes[1]);
    expect(new Set(classes).size).toBe(4);
    expect(registry.classes.every(({ mixed }) => !mixed)).toBe(true);
  });

  it('have one aside for each tier whose accounts may be troubled by one of several models', () => {
    const breaker = { ...BREAKER };
    const registry = plan([
      anAccount('a', { models: ['x', 'y'], breaker }),
      anAccount('b', { models: ['x', 'z'], breaker }),
      anAccount('c', { models: ['x'], priority: 1, breaker }),
      anAccount('d', { models: ['x', 'y'], priority: 2 }),
    ]);

    const aside = registry.classes.filter((entry) => entry.aside);
    const target = { pool: 'p', model: 'x' };
    expect(aside).toMatchObject([{ number: 4, priority: 0, mixed: true, models: ['x', 'y', 'z'] }]);
    expect([0, 1, 2, 3, 4].map((number) => asideOf(registry, number))).toEqual([
      ...[4, 4],
      ...[undefined, undefined, undefined],
    ]);
    expect(tiersOf(registry, target).map((tier) => tier.length)).toEqual([3, 1, 1]);
  });

  it('hold no account that is disabled', () => {
    const registry = plan([anAccount('a', { enabled: false })]);

    expect(registry.classes).toEqual([]);
    expect(tiersOf(registry, { pool: 'p', model: 'm' })).toEqual([]);
  });

  it.each([
    [MAX_CLASSES, 0],
    [MAX_CLASSES + 1, 1],
    [200, 1],
  ])('of %i sets of models need %i mixed one, and never too many for a model', (sets, mixed) => {
    const accounts = Array.from({ length: sets }, (_, i) =>
      anAccount(`a${i}`, { models: ['m', `own-${i}`] }),
    );

    const registry = plan(accounts);

    const [tier] = tiersOf(registry, { pool: 'p', model: 'm' });
    expect(registry.classes.filter((entry) => entry.mixed).length).toBe(mixed);
    expect(tier!.length).toBeLessThanOrEqual(MAX_CLASSES);
    for (const account of registry.accounts) {
      const own = registry.classes.find(({ number }) => number === account.class)!;
      expect(own.models).toEqual(expect.arrayContaining([...account.models]));
    }
  });

  it('mix within their pool and tier only', () => {
    const accounts = [0, 1].flatMap((priority) =>
      ['p', 'q'].flatMap((pool) =>
        Array.from({ length: 30 }, (_, i) =>
          anAccount(`${pool}${priority}-${i}`, { pool, priority, models: ['m', `own-${i}`] }),
        ),
      ),
    );

    const registry = plan(accounts);

    for (const { pool, priority, class: number } of registry.accounts) {
      expect(registry.classes[number]).toMatchObject({ number, pool, priority });
    }
    const heads = tiersOf(registry, { pool: 'p', model: 'm' }).map((tier) => tier.length);
    expect(heads.reduce((a, b) => a + b)).toBeLessThanOrEqual(MAX_CLASSES);
  });
});

describe('tiers of a target', () => {
  it('come by priority, and only from its pool and model', () => {
    const registry = plan([
      anAccount('late', { priority: 7 }),
      anAccount('early', { priority: 2 }),
      anAccount('other', { pool: 'q' }),
      anAccount('without', { models: ['n'] }),
    ]);

    const tiers = tiersOf(registry, { pool: 'p', model: 'm' });

    expect(tiers.map((tier) => tier.map(({ priority }) => priority))).toEqual([[2], [7]]);
  });
});

describe('numbers', () => {
  it('of accounts stay theirs, and are never given again', () => {
    const first = plan([anAccount('a'), anAccount('b')]);
    const second = plan([anAccount('b')], first);

    const third = plan([anAccount('b'), anAccount('c')], second);

    expect(third.accounts.map(({ name, index }) => [name, index])).toEqual([
      ['b', 2],
      ['c', 3],
    ]);
  });

  it('of models stay theirs', () => {
    const first = plan([anAccount('a', { models: ['x', 'y', 'z'] })]);

    const second = plan([anAccount('a', { models: ['z', 'new', 'y', 'x'] })], first);

    expect(numbers(second)).toEqual({ ...numbers(first), new: 3 });
  });

  it('of retired models are kept for a generation, then given to others', () => {
    const first = plan([anAccount('a', { models: ['x', 'y'] })]);
    const second = plan([anAccount('a', { models: ['y'] })], first);
    const third = plan([anAccount('a', { models: ['y', 'z'] })], second);

    expect(second.models).toEqual([
      { pool: 'p', model: 'x', number: 0, retired: true },
      { pool: 'p', model: 'y', number: 1, retired: false },
    ]);
    expect(numbers(third)).toEqual({ y: 1, z: 0 });
  });

  it('of retired models are kept while they have leases', () => {
    const first = plan([anAccount('a', { models: ['x', 'y'] })]);
    const second = plan([anAccount('a', { models: ['y'] })], first, ['x']);

    const third = plan([anAccount('a', { models: ['y', 'z'] })], second, ['x']);

    expect(numbers(third)).toEqual({ x: 0, y: 1, z: 2 });
  });

  it('of a retired model that comes back are the same', () => {
    const first = plan([anAccount('a', { models: ['x', 'y'] })]);
    const second = plan([anAccount('a', { models: ['y'] })], first);

    const third = plan([anAccount('a', { models: ['y', 'x'] })], second);

    expect(third.models.map(({ model, number, retired }) => [model, number, retired])).toEqual([
      ['x', 0, false],
      ['y', 1, false],
    ]);
  });
});
