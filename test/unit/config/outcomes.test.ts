// What a configuration says of failures: the columns of each sign by pool, how far a request goes on
// trying, and which targets are as good as each other.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { rowOf } from '../../../src/config/outcomes-schema.ts';

function parse(more: Readonly<Record<string, unknown>> = {}, pool = {}, env = {}) {
  const accounts = [
    { name: 'a', maxConcurrency: 1 },
    { name: 'b', maxConcurrency: 1 },
  ];
  const file = {
    pools: {
      p: { baseUrl: 'http://x/v1', models: ['m', 'n'], accounts, ...pool },
      q: {
        baseUrl: 'http://y/v1',
        models: ['m'],
        accounts: [{ name: 'c', maxConcurrency: 1 }],
      },
    },
    ...more,
  };
  return parseConfig(JSON.stringify(file), { source: 'test', env });
}

function complaint(more: Readonly<Record<string, unknown>>, pool = {}): string {
  try {
    parse(more, pool);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no fault';
}

describe('outcomes', () => {
  it('are a pool’s own and frozen', () => {
    const config = parse({}, { outcomes: { '429': { failover: false } } });

    const [a, b, c] = config.accounts;
    expect(rowOf(a!.outcomes, '429').failover).toBe(false);
    expect(b!.outcomes).toBe(a!.outcomes);
    expect(rowOf(c!.outcomes, '429').failover).toBe(true);
    expect(() => (a!.outcomes as Map<string, unknown>).clear()).toThrow('frozen');
  });

  it('with faults are told all of them at once, each with its place', () => {
    const outcomes = {
      '200': { failover: true },
      timeouts: { failover: true },
      '500': { failover: 'perhaps', retry: true },
    };

    const text = complaint({ failover: { maxAttempts: 0 } }, { outcomes });

    expect(text).toContain('5 faults');
    expect(text).toContain('pools.p.outcomes.200: its name is not allowed');
    expect(text).toContain('pools.p.outcomes.timeouts: its name is not allowed');
    expect(text).toContain('use a status from 400 to 599, or one of insufficient_quota');
    expect(text).toContain('pools.p.outcomes.500.retry: there is no such option');
    expect(text).toContain('pools.p.outcomes.500.failover: must be true or false');
    expect(text).toContain('failover.maxAttempts: must be at least 1');
  });
});

describe('failover', () => {
  it('has limits for all routes, and a route its own, one by one', () => {
    const config = parse({
      failover: { maxAttempts: 5 },
      routes: {
        fast: { targets: [{ pool: 'p', model: 'm' }], failover: { totalMs: 700 } },
        slow: { targets: [{ pool: 'p', model: 'm' }] },
      },
    });

    expect(config.failover).toEqual({ maxAttempts: 5, totalMs: 60_000 });
    expect(config.routes.get('fast')?.failover).toEqual({ maxAttempts: 5, totalMs: 700 });
    expect(config.routes.get('slow')?.failover).toBeUndefined();
  });

  it('may be limited by the environment', () => {
    const config = parse({}, {}, { SLOTKEEPER_FAILOVER_MAX_ATTEMPTS: '1' });

    expect(config.failover.maxAttempts).toBe(1);
  });
});

describe('a label', () => {
  it('of an account tells neither its name nor its key, and stays over configurations', () => {
    const [a, b, c] = parse().accounts.map(({ label }) => label);
    const other = parse({}, { credential: 'another-key' }).accounts[0]?.label;

    expect(new Set([a, b, c]).size).toBe(3);
    expect(other).toBe(a);
  });
});
