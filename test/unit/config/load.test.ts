// From a file's text and the environment to the configuration the product works with.
import { describe, expect, it } from 'vitest';
import { withSimulator } from '../../../src/config/demo.ts';
import { demoConfig, parseConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema.ts';
import { DEFAULT_TIMEOUTS } from '../../../src/config/schema.ts';

function parse(text: string, env: Readonly<Record<string, string>> = {}): Config {
  return parseConfig(text, { source: 'test.yaml', env });
}

const TWO_POOLS = `
pools:
  fast:
    baseUrl: https://fast.example/v1/
    credential: \${FAST_KEY}
    models: [gpt-4, gpt-4o]
    timeouts: { connectTimeoutMs: 700, idleTimeoutMs: 900 }
    accounts:
      - { name: fast-a, maxConcurrency: 4 }
      - name: fast-b
        maxConcurrency: 9
        weight: 3
        priority: 1
        provider: anthropic
        baseUrl: https://other.example/api
        credential: own-key
        models: [gpt-4]
        timeouts: { connectTimeoutMs: 50 }
  slow:
    baseUrl: http://10.0.0.1:9000/v1
    models: [gpt-4]
    accounts: [{ name: slow-a, maxConcurrency: 1, enabled: false }]
`;

describe('hosts of webhooks', () => {
  it('are known however they are written, as hosts of URLs are', () => {
    const hosts = '[Hooks.Example:8443]';

    const { deferral } = parse(
      `pools: {}\ndeferral: { webhook: { hosts: ${hosts}, secret: 0123456789abcdef } }`,
    );

    expect(deferral.webhook.hosts).toEqual(['hooks.example:8443']);
  });
});

describe('breakers', () => {
  it('are on in every pool, and changed by what it says of them', () => {
    const { accounts } = parse(
      TWO_POOLS.replace('  slow:', '  slow:\n    breaker: { openMs: 900 }'),
      {
        FAST_KEY: 'k1',
      },
    );

    const usual = {
      enabled: true,
      consecutiveFailures: 5,
      errorRate: 0.5,
      minRequests: 20,
      windowMs: 60_000,
      openMs: 5000,
      maxOpenMs: 300_000,
      cooldownMs: 5000,
    };
    expect(accounts.map(({ breaker }) => breaker)).toEqual([
      ...[usual, usual],
      { ...usual, openMs: 900 },
    ]);
  });

  it('are told another credential or upstream by its mark, and the same by the same', () => {
    const marks = (key: string) =>
      parse(TWO_POOLS, { FAST_KEY: key }).accounts.map(({ credentialMark }) => credentialMark);

    const [before, after] = [marks('k1'), marks('k2')];

    expect(after[0]).not.toBe(before[0]);
    expect([after[1], after[2]]).toEqual([before[1], before[2]]);
    expect(before[1]).not.toBe(before[0]);
  });

  it.each([
    ['breaker: { openMs: 10, maxOpenMs: 9 }', 'maxOpenMs'],
    ['breaker: { openMs: 20, maxOpenMs: 10 }', 'openMs must not exceed maxOpenMs'],
    ['breaker: { errorRate: 0 }', 'errorRate'],
    ['breaker: { tripAfter: 3 }', 'tripAfter'],
  ])('refuse %s', (said, message) => {
    const text = TWO_POOLS.replace('  slow:', `  slow:\n    ${said}`);

    expect(() => parse(text, { FAST_KEY: 'k1' })).toThrow(message);
  });
});

describe('inheritance', () => {
  it('fills an account with what its pool says and what the schema says by default', () => {
    const config = parse(TWO_POOLS, { FAST_KEY: 'k1' });

    expect(config.accounts[0]).toEqual({
      name: 'fast-a',
      label: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
      pool: 'fast',
      maxConcurrency: 4,
      weight: 1,
      priority: 0,
      enabled: true,
      models: ['gpt-4', 'gpt-4o'],
      provider: 'openai',
      baseUrl: 'https://fast.example/v1',
      credential: 'k1',
      credentialMark: expect.any(Number) as number,
      breaker: config.accounts[2]!.breaker,
      timeouts: { ...DEFAULT_TIMEOUTS, connectTimeoutMs: 700, idleTimeoutMs: 900 },
      outcomes: expect.any(Map) as Map<string, unknown>,
    });
  });

  it("prefers the account's own words to the pool's, time limits one by one", () => {
    const config = parse(TWO_POOLS, { FAST_KEY: 'k1' });

    expect(config.accounts[1]).toMatchObject({
      weight: 3,
      priority: 1,
      models: ['gpt-4'],
      provider: 'anthropic',
      baseUrl: 'https://other.example/api',
      credential: 'own-key',
      timeouts: { ...DEFAULT_TIMEOUTS, connectTimeoutMs: 50, idleTimeoutMs: 900 },
    });
  });

  it('leaves an account without any credential without one', () => {
    const config = parse(TWO_POOLS, { FAST_KEY: 'k1' });

    expect(config.accounts[2]).toMatchObject({ name: 'slow-a', enabled: false });
    expect(config.accounts[2]?.credential).toBeUndefined();
  });
});

describe('routes', () => {
  it('make every model its own alias, with the pools in the order of the file', () => {
    const config = parse(TWO_POOLS, { FAST_KEY: 'k1' });

    expect([...config.routes.values()]).toEqual([
      {
        alias: 'gpt-4',
        targets: [
          { pool: 'fast', model: 'gpt-4' },
          { pool: 'slow', model: 'gpt-4' },
        ],
      },
      { alias: 'gpt-4o', targets: [{ pool: 'fast', model: 'gpt-4o' }] },
    ]);
  });

  it('of the file replace the implicit one of the same name', () => {
    const routes = 'routes:\n  gpt-4: { targets: [{ pool: slow, model: gpt-4 }] }\n';

    const config = parse(TWO_POOLS + routes, { FAST_KEY: 'k1' });

    expect(config.routes.get('gpt-4')?.targets).toEqual([{ pool: 'slow', model: 'gpt-4' }]);
    expect([...config.routes.keys()]).toEqual(['gpt-4', 'gpt-4o']);
  });
});

describe('the environment', () => {
  it('overrides the file, and an empty variable does not', () => {
    const env = { FAST_KEY: 'k', SLOTKEEPER_PORT: '9999', SLOTKEEPER_LEASE_MS: '' };

    const config = parse(`server: { port: 1234 }\nscheduler: { leaseMs: 700 }${TWO_POOLS}`, env);

    expect(config.server.port).toBe(9999);
    expect(config.scheduler.leaseMs).toBe(700);
  });

  it('sets an option of a group that the file leaves empty', () => {
    const config = parse(`server:\n${TWO_POOLS}`, { FAST_KEY: 'k', SLOTKEEPER_HOST: '::1' });

    expect(config.server).toMatchObject({ host: '::1', port: 8080 });
  });

  it('replaces references inside longer texts and keeps escaped ones', () => {
    const text = TWO_POOLS.replace('${FAST_KEY}', () => '"a-${X}-$${Y}-${X}"');

    const config = parse(text, { X: 'x' });

    expect(config.accounts[0]?.credential).toBe('a-x-${Y}-x');
  });

  it('never looks for references in the values it puts in', () => {
    const config = parse(TWO_POOLS, { FAST_KEY: '${HOME}' });

    expect(config.accounts[0]?.credential).toBe('${HOME}');
  });
});

describe('the configuration', () => {
  it('is frozen through and through, its routes included', () => {
    const config = parse(TWO_POOLS, { FAST_KEY: 'k1' });
    const routes = config.routes as Map<string, unknown>;

    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.server)).toBe(true);
    expect(Object.isFrozen(config.accounts[0]?.timeouts)).toBe(true);
    expect(Object.isFrozen(config.routes.get('gpt-4')?.targets)).toBe(true);
    expect(() => routes.set('x', {})).toThrow('frozen');
    expect(() => routes.delete('gpt-4')).toThrow('frozen');
  });
});

describe('the demo', () => {
  it('has four simulated accounts in pool openai and serves gpt-4', () => {
    const config = demoConfig({ simUrl: 'http://127.0.0.1:4000', env: { SLOTKEEPER_PORT: '0' } });

    expect(config.demo).toBe(true);
    expect(config.server.port).toBe(0);
    expect(config.accounts.map(({ name, maxConcurrency }) => [name, maxConcurrency])).toEqual([
      ['sim-2', 2],
      ['sim-5', 5],
      ['sim-20', 20],
      ['sim-100', 100],
    ]);
    expect(new Set(config.accounts.map(({ credential }) => credential)).size).toBe(4);
    expect(config.accounts[0]?.baseUrl).toBe('http://127.0.0.1:4000/v1');
    expect(config.routes.get('gpt-4')?.targets).toEqual([{ pool: 'openai', model: 'gpt-4' }]);
  });

  it('gets its upstream when the simulator has a port', () => {
    const config = withSimulator(demoConfig({ env: {} }), 'http://127.0.0.1:4321');

    expect(new Set(config.accounts.map(({ baseUrl }) => baseUrl))).toEqual(
      new Set(['http://127.0.0.1:4321/v1']),
    );
    expect(Object.isFrozen(config.accounts)).toBe(true);
  });
});
