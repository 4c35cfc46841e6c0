// Tenants of a load run, as the command line names them.
import { expect, test } from 'vitest';
import {
  parseTenantKeys,
  parseTenants,
  withGeneratedKeys,
  withKeys,
} from '../../src/sim/load/tenants.ts';

const THREE = [
  { name: 'a', weight: 1 },
  { name: 'b', weight: 2 },
  { name: 'c', weight: 4 },
];

test('tenants and their weights are read from one word', () => {
  expect(parseTenants('a:1,b:2, c')).toEqual([
    { name: 'a', weight: 1 },
    { name: 'b', weight: 2 },
    { name: 'c', weight: 1 },
  ]);
});

test.each(['a:1', 'a:1,a:2', 'a:0,b:1', 'a:1:2,b', ',a', 'a b:1,c', ''])(
  'tenants %j are refused',
  (text) => {
    expect(() => parseTenants(text)).toThrow();
  },
);

test('a tenant’s key is given, or the variable that holds it', () => {
  const keys = parseTenantKeys('a=secret=1,b=env:B_KEY');

  const tenants = withKeys(THREE, keys, { B_KEY: 'of-b' });

  expect(tenants.map(({ apiKey }) => apiKey)).toEqual(['secret=1', 'of-b', undefined]);
  expect(() => withKeys(THREE, keys, {})).toThrow('B_KEY');
  expect(() => withKeys(THREE, new Map([['d', 'key']]), {})).toThrow('"d"');
  expect(() => parseTenantKeys('a')).toThrow();
  expect(() => parseTenantKeys('a=env:')).toThrow();
});

test('tenants without a key get one each, and keep one that they were given', () => {
  const tenants = withGeneratedKeys(withKeys(THREE, new Map([['a', 'given']]), {}));

  const keys = tenants.map(({ apiKey }) => apiKey);
  expect(keys[0]).toBe('given');
  expect(new Set(keys).size).toBe(3);
  expect(keys[1]).toMatch(/^sk-load-\w{40,}$/);
});
