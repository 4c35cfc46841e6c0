// What differs between two configurations, and what of it takes a restart.
import { describe, expect, it } from 'vitest';
import { changesBetween, isLive } from '../../../src/config/changes.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema.ts';

type Groups = Readonly<Record<string, unknown>>;

function text(more: Groups = {}, account: Groups = {}): string {
  const own = { name: 'a1', maxConcurrency: 2, credential: 'secret-of-a1', ...account };
  const pools = { p: { baseUrl: 'http://x/v1', models: ['m'], accounts: [own] } };
  return JSON.stringify({ pools, ...more });
}

function aConfig(more: Groups = {}, account: Groups = {}): Config {
  return parseConfig(text(more, account), { source: 'test', env: {} });
}

describe('the differences of two configurations', () => {
  it('are none where the same is said twice', () => {
    const changes = changesBetween(aConfig(), aConfig());

    expect(changes).toEqual([]);
  });

  it('are named by account, tenant and route, without any value', () => {
    const before = aConfig({ tenants: { t: { keys: ['a-key-of-tenant-t'] } } });
    const after = aConfig(
      {
        tenants: { t: { keys: ['another-key-of-tenant-t'] }, u: {} },
        routes: { 'gpt-4.1': { targets: [{ pool: 'p', model: 'm' }] } },
        prices: { m: { input: 1, output: 2 } },
        log: { level: 'debug' },
      },
      { maxConcurrency: 1, credential: 'another-secret' },
    );

    const changes = changesBetween(before, after);

    expect(changes).toEqual([
      'log.level',
      'routes["gpt-4.1"]',
      'prices.m',
      'tenants.t.keys',
      'tenants.u',
      'accounts.a1.maxConcurrency',
      'accounts.a1.credential',
    ]);
  });

  it('are live by what somebody has declared: any other option takes a restart', () => {
    const live = [
      ['accounts', 'a1', 'weight'],
      ['server', 'apiKey'],
      ['scheduler', 'waitMs'],
      ['sessions', 'ttlMs'],
    ];
    const fixed = [['server', 'port'], ['redis', 'url'], ['scheduler', 'cell'], ['somethingNew']];

    expect(live.map(isLive)).toEqual([true, true, true, true]);
    expect(fixed.map(isLive)).toEqual([false, false, false, false]);
  });
});

describe('a configuration for a daemon that runs', () => {
  const running = aConfig({ server: { port: 1 } });

  it('is refused for each option that cannot change, by its name', () => {
    const next = text({ server: { port: 2 }, scheduler: { cell: 'other' } });

    const parse = () => parseConfig(next, { source: 'f', env: {}, running });

    expect(parse).toThrow(
      /^f has 2 faults:\n {2}- server\.port: .*restart.*\n {2}- scheduler\.cell:/,
    );
  });

  it('is refused for these beside all its other faults at once', () => {
    const next = text({ server: { port: 2 } }, { maxConcurrency: 0, weight: 1000 });

    const parse = () => parseConfig(next, { source: 'f', env: {}, running });

    expect(parse).toThrow(/3 faults:[^]*maxConcurrency[^]*weight[^]*server\.port/);
  });

  it('is taken where all that differs can change', () => {
    const next = text({ server: { port: 1, apiKey: '0123456789abcdef' } }, { weight: 7 });

    const config = parseConfig(next, { source: 'f', env: {}, running });

    expect(config.accounts[0]?.weight).toBe(7);
  });
});
