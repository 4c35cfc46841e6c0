// What a broken configuration is told: every fault at once, each with its place and a way out, and
// never a value.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { AppError } from '../../../src/core/errors.ts';

type Env = Readonly<Record<string, string>>;

function complaint(text: string, env: Env = {}): string {
  try {
    parseConfig(text, { source: 'test.yaml', env });
  } catch (error) {
    if (error instanceof AppError && error.code === 'config_invalid') return error.message;
    throw error;
  }
  return 'no fault';
}

const ACCOUNT = '{ name: a, maxConcurrency: 1, baseUrl: "http://x/v1", models: [m] }';
const POOLS = `pools: { p: { accounts: [${ACCOUNT}] } }`;

interface Case {
  readonly name: string;
  readonly text: string;
  readonly env?: Env;
  readonly says: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: 'a text that is no YAML is refused with its line',
    text: 'pools:\n  - a: [1, 2\n',
    says: ['line 3, column 1: this is not well-formed YAML'],
  },
  { name: 'an empty file lacks pools', text: '', says: ['pools: is missing'] },
  { name: 'a list is no configuration', text: '[1]', says: ['must be a group of options'] },
  {
    name: 'a repeated key is refused',
    text: `${POOLS}\n${POOLS}`,
    says: ['line 2, column 1', 'DUPLICATE_KEY'],
  },
  {
    name: 'an alias that leads nowhere is refused',
    text: 'pools: *nowhere',
    says: ['an alias (*name) in it leads nowhere'],
  },
  {
    name: 'a boundary model that nobody serves is named',
    text: `${POOLS}\njournal: { enabled: true, boundary: { route: small } }`,
    says: ['journal.boundary.route: no route and no model is named small'],
  },
  {
    name: 'a boundary model that a pool serves is none',
    text: `${POOLS}\njournal: { enabled: true, boundary: { route: m } }`,
    says: ['no fault'],
  },
  {
    name: 'an unknown option is named',
    text: `server: { prot: 1 }\n${POOLS}`,
    says: ['server.prot: there is no such option'],
  },
  {
    name: 'a number out of bounds is told its bound',
    text: `server: { port: 70000 }\n${POOLS}`,
    says: ['server.port: must be at most 65535'],
  },
  {
    name: 'a wrong kind of value is told the right one',
    text: 'pools: { p: { accounts: [{ name: a, maxConcurrency: lots, baseUrl: "http://x", models: [m] }] } }',
    says: ['pools.p.accounts[0].maxConcurrency: must be a number'],
  },
  {
    name: 'a bad override names its variable',
    text: POOLS,
    env: { SLOTKEEPER_PORT: 'eighty' },
    says: ['server.port: must be a number (it comes from SLOTKEEPER_PORT)'],
  },
  {
    name: 'a missing variable is named, once',
    text: POOLS.replace('name: a', 'name: a, credential: "${UPSTREAM_KEY}"'),
    says: ['has a fault:', 'the environment variable UPSTREAM_KEY is not set: set it'],
  },
  {
    name: 'a variable that is empty counts as missing',
    text: POOLS.replace('name: a', 'name: a, credential: "${UPSTREAM_KEY}"'),
    env: { UPSTREAM_KEY: '' },
    says: ['UPSTREAM_KEY is not set'],
  },
  {
    name: 'a reference that is no name is refused',
    text: POOLS.replace('name: a', 'name: a, credential: "${NO NAME}"'),
    says: ['pools.p.accounts[0].credential: a ${…} reference needs a plain name'],
  },
  {
    name: 'a pool with a name that cannot be a key is refused',
    text: POOLS.replace('{ p:', '{ "a b":'),
    says: ['pools["a b"]: its name is not allowed: use 1 to 64 letters'],
  },
  {
    name: 'an account without models or an address is told where to give them',
    text: 'pools: { p: { accounts: [{ name: a, maxConcurrency: 1 }] } }',
    says: [
      'has 2 faults',
      'pools.p.accounts[0].baseUrl: is missing: give it here or in the pool',
      'pools.p.accounts[0].models: is missing: give it here or in the pool',
    ],
  },
  {
    name: 'an account name that another pool has is refused',
    text: `pools: { p: { accounts: [${ACCOUNT}] }, q: { accounts: [${ACCOUNT}] } }`,
    says: ['pools.q.accounts[0].name: is taken by an account of pool p'],
  },
  {
    name: 'a route to a pool that is not there lists the pools',
    text: `${POOLS}\nroutes: { x: { targets: [{ pool: q, model: m }] } }`,
    says: ['routes.x.targets[0]: there is no such pool; the pools are: p'],
  },
  {
    name: 'a route to a pool named like a property of every object is not found either',
    text: `${POOLS}\nroutes: { x: { targets: [{ pool: constructor, model: m }] } }`,
    says: ['routes.x.targets[0]: there is no such pool'],
  },
  {
    name: 'a route to a model that no account serves is refused',
    text: `${POOLS}\nroutes: { x: { targets: [{ pool: p, model: other }] } }`,
    says: ['routes.x.targets[0]: no account of pool p serves this model'],
  },
  {
    name: 'a target that is named twice is refused',
    text: `${POOLS}\nroutes: { x: { targets: [{ pool: p, model: m }, { pool: p, model: m }] } }`,
    says: ['routes.x.targets[1]: is named twice'],
  },
  {
    name: 'a model that more pools serve than a route may name needs a route',
    text: `pools: { ${Array.from({ length: 9 }, (_, i) => `p${i}: { accounts: [${ACCOUNT.replace('a,', `a${i},`)}] }`).join(', ')} }`,
    says: ['routes.m: 9 pools serve this model: name up to 8 of them in a route'],
  },
  {
    name: 'an address beyond loopback without a key is refused',
    text: POOLS,
    env: { SLOTKEEPER_HOST: '0.0.0.0' },
    says: ['server.host: is reachable from other machines', '(it comes from SLOTKEEPER_HOST)'],
  },
  {
    name: 'credentials in an upstream address are refused',
    text: POOLS.replace('http://x/v1', 'http://user:word@x/v1'),
    says: ['pools.p.accounts[0].baseUrl: must not contain credentials'],
  },
  {
    name: 'a lease longer than the longest is refused',
    text: `scheduler: { leaseMs: 9000, maxLeaseMs: 8000 }\n${POOLS}`,
    says: ['scheduler.leaseMs: leaseMs must not exceed maxLeaseMs'],
  },
];

describe('a faulty configuration', () => {
  it.each(CASES)('$name', ({ text, env, says }) => {
    const message = complaint(text, env);

    for (const words of says) expect(message).toContain(words);
  });

  it('gets all of its faults in one message, each on its line', () => {
    const text = `
server: { host: 10.0.0.1, port: -1, what: 1 }
log: { level: loud }
pools: { p: { accounts: [${ACCOUNT}, ${ACCOUNT}, { name: b, maxConcurrency: 0 }] } }
routes: { x: { targets: [{ pool: q, model: m }] } }`;

    const [headline, ...lines] = complaint(text).split('\n');

    expect(headline).toBe('test.yaml has 9 faults:');
    expect(lines.map((line) => line.replace(/^ {2}- (\S+): .*$/, '$1')).sort()).toEqual([
      'log.level',
      'pools.p.accounts[1].name',
      'pools.p.accounts[2].baseUrl',
      'pools.p.accounts[2].maxConcurrency',
      'pools.p.accounts[2].models',
      'routes.x.targets[0]',
      'server.host',
      'server.port',
      'server.what',
    ]);
  });
});

describe('a loopback address', () => {
  it.each(['127.0.0.1', '127.8.9.1', '::1', 'localhost'])('%s needs no key', (host) => {
    expect(complaint(POOLS, { SLOTKEEPER_HOST: host })).toBe('no fault');
  });

  it.each(['0.0.0.0', '::', '192.168.0.1', '127.example.com', 'localhost.example.com'])(
    '%s is none',
    (host) => {
      expect(complaint(POOLS, { SLOTKEEPER_HOST: host })).toContain('server.host');
    },
  );

  it('is not needed with a key', () => {
    const env = { SLOTKEEPER_HOST: '0.0.0.0', SLOTKEEPER_API_KEY: 'sixteen-letters-at-least' };

    expect(complaint(POOLS, env)).toBe('no fault');
  });
});

describe('a secret', () => {
  const SECRET = 'sk-not-to-be-seen';

  it.each([
    [
      'as an upstream key of a wrong kind',
      `pools: { p: { credential: [${SECRET}], accounts: [] } }`,
    ],
    ['inside an address', `pools: { p: { baseUrl: "ftp://${SECRET}@x", accounts: [] } }`],
    ['in the place of a number', POOLS.replace('maxConcurrency: 1', `maxConcurrency: ${SECRET}`)],
    ['in the place of a group', `server: ${SECRET}\n${POOLS}`],
    ['as a level', `log: { level: ${SECRET} }\n${POOLS}`],
    ['on a line that is no YAML', `pools: { p: { credential: ${SECRET}: [ }`],
    ['as an alias', `pools: *${SECRET}`],
    ['as a reference', POOLS.replace('name: a', `name: a, credential: "\${${SECRET}}"`)],
    ['behind a tag', `pools: { p: { credential: !${SECRET} x, accounts: 1 } }`],
  ])('never appears in a fault, %s', (_where, text) => {
    const message = complaint(text);

    expect(message).not.toBe('no fault');
    expect(message).not.toContain(SECRET);
  });

  it.each([
    ['REDIS_URL', `http://:${SECRET}@host`],
    ['SLOTKEEPER_API_KEY', SECRET.slice(0, 9)],
    ['SLOTKEEPER_PORT', SECRET],
  ])('never appears in a fault when it comes from %s', (name, value) => {
    const message = complaint(POOLS, { [name]: value });

    expect(message).toContain(name);
    expect(message).not.toContain(value);
  });
});
