// Tenants and the admin's token: from a file's text to what the product works with, and every fault at
// once.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';

const POOLS = `
pools:
  p: { baseUrl: "http://x/v1", models: [m], accounts: [{ name: a, maxConcurrency: 4 }, { name: b, maxConcurrency: 6, enabled: false }] }
`;
const KEY = 'sixteen-letters-at-least';

function parse(text: string, env: Readonly<Record<string, string>> = {}) {
  return parseConfig(`${POOLS}${text}`, { source: 'test.yaml', env });
}

function complaint(text: string, env: Readonly<Record<string, string>> = {}): string {
  try {
    parse(text, env);
    return 'no fault';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a tenant', () => {
  it('that says nothing has no limits, weight 1 and priority 5', () => {
    expect(parse('tenants: { acme: {} }').tenants.get('acme')).toEqual({
      name: 'acme',
      keys: [],
      terms: {
        enabled: true,
        weight: 1,
        priority: 5,
        rateLimited: 'refuse',
        reservedSlots: {},
      },
    });
  });

  it('has its terms with money in micro-units, and its keys from the environment', () => {
    const text = `
budget: { currency: USD }
tenants:
  acme:
    weight: 4
    maxConcurrency: 3
    requestsPerMinute: 60
    requestsBurst: 5
    tokensPerMinute: 1000
    rateLimited: wait
    priority: 2
    routes: [m]
    providers: [p]
    reservedSlots: { p: 10 }
    budget: { stop: 12.5, warn: 10, period: day }
    keys: ['\${ACME_KEY}']
`;

    const acme = parse(text, { ACME_KEY: KEY }).tenants.get('acme');

    expect(acme?.keys).toEqual([KEY]);
    expect(acme?.terms).toEqual({
      enabled: true,
      weight: 4,
      maxConcurrency: 3,
      requestsPerMinute: 60,
      requestsBurst: 5,
      tokensPerMinute: 1000,
      rateLimited: 'wait',
      priority: 2,
      routes: ['m'],
      providers: ['p'],
      reservedSlots: { p: 10 },
      budget: { stopMicro: 12_500_000, warnMicro: 10_000_000, period: 'day' },
    });
  });

  it.each([
    [
      '{ acme: { reservedSlots: { q: 1 } } }',
      'tenants.acme.reservedSlots.q: there is no such pool',
    ],
    ['{ acme: { providers: [q] } }', 'tenants.acme.providers[0]: there is no such pool'],
    ['{ acme: { routes: [q] } }', 'tenants.acme.routes[0]: there is no such route'],
    ['{ acme: { routes: [constructor] } }', 'tenants.acme.routes[0]: there is no such route'],
    ['{ acme: { keys: [short] } }', 'tenants.acme.keys[0]: must have at least 16'],
    ['{ acme: { requestsBurst: 2 } }', 'tenants.acme.requestsBurst: needs requestsPerMinute'],
    ['{ acme: { budget: { stop: 1 } } }', 'tenants.acme.budget: needs the group `budget`'],
    ['{ acme: { weight: 0 } }', 'tenants.acme.weight: must be at least 1'],
    ['{ acme: { priority: 10 } }', 'tenants.acme.priority: must be at most 9'],
    ['{ acme: { maxConcurency: 1 } }', 'tenants.acme.maxConcurency: there is no such option'],
    ['{ "a b": {} }', 'tenants["a b"]: its name is not allowed'],
    ['{ "a\\r\\nb": {} }', 'its name is not allowed'],
    ['{ __proto__: { weight: 2 } }', 'tenants.__proto__: its name is not allowed'],
    [
      '{ acme: { reservedSlots: { p: 6 } }, beta: { reservedSlots: { p: 5 } } }',
      'tenants.beta.reservedSlots.p: tenants reserve 11 slots of pool p together; it has 10',
    ],
  ])('is refused with its reason: %s', (text, fault) => {
    expect(complaint(`tenants: ${text}`)).toContain(fault);
  });

  it('may not warn above its stop', () => {
    const text = 'budget: { currency: USD }\ntenants: { acme: { budget: { stop: 1, warn: 2 } } }';

    expect(complaint(text)).toContain('tenants.acme.budget.warn: is above stop: 2 and 1');
  });

  it('shares its key with nobody, and no fault repeats the key', () => {
    const text = `
server: { apiKey: ${KEY} }
admin: { token: ${KEY} }
tenants: { acme: { keys: [${KEY}] }, beta: { keys: [${KEY}] } }
`;

    const message = complaint(text);

    expect(message).toContain('tenants.acme.keys[0]: is the same key as server.apiKey');
    expect(message).toContain('tenants.beta.keys[0]: is the same key as one of tenant acme');
    expect(message).toContain('admin.token: is the same key as');
    expect(message).not.toContain(KEY);
  });

  it('gets all of its faults at once', () => {
    const text =
      'tenants: { acme: { weight: 0, routes: [q], reservedSlots: { q: 1 }, keys: [x] } }';

    expect(complaint(text)).toContain('has 4 faults');
  });

  it('with a key opens an address beyond loopback', () => {
    const env = { SLOTKEEPER_HOST: '0.0.0.0' };

    expect(complaint(`tenants: { acme: { keys: [${KEY}] } }`, env)).toBe('no fault');
    expect(complaint('tenants: { acme: { keys: [] } }', env)).toContain('server.host');
  });
});

describe('the admin’s token', () => {
  it('comes from the environment, and is long', () => {
    expect(parse('', { SLOTKEEPER_ADMIN_TOKEN: KEY }).admin.token).toBe(KEY);
    expect(parse('').admin.token).toBeUndefined();
    expect(complaint('', { SLOTKEEPER_ADMIN_TOKEN: 'short' })).toContain('SLOTKEEPER_ADMIN_TOKEN');
  });
});

describe('the rates of an account', () => {
  it('go with it', () => {
    const text = `
pools: { p: { baseUrl: "http://x", models: [m], accounts: [{ name: a, maxConcurrency: 1, requestsPerMinute: 6 }] } }`;

    const { accounts } = parseConfig(text, { source: 'test.yaml', env: {} });

    expect(accounts[0]?.rates).toEqual({ requestsPerMinute: 6 });
  });

  it('need a rate beside a burst', () => {
    const text = `
pools: { p: { baseUrl: "http://x", models: [m], accounts: [{ name: a, maxConcurrency: 1, tokensBurst: 6 }] } }`;

    const read = (): unknown => parseConfig(text, { source: 'test.yaml', env: {} });

    expect(read).toThrow('pools.p.accounts[0].tokensBurst: needs tokensPerMinute');
  });
});
