// Where Redis is, as a configuration says it: one server, Sentinels or a Cluster, and what each of
// them wants to be told.
import { describe, expect, it } from 'vitest';
import { demoConfig } from '../../../src/config/load.ts';
import { describeStore, locateServers } from '../../../src/redis/location.ts';
import { keySlot } from '../../../src/redis/slot.ts';

type Environment = Readonly<Record<string, string>>;

function located(env: Environment) {
  const { redis, scheduler } = demoConfig({ env });
  return locateServers(redis, scheduler.cell);
}

describe('the place of Redis', () => {
  it('is one server unless told otherwise', () => {
    expect(located({})).toBeUndefined();
    expect(located({ REDIS_URL: 'redis://cache' })).toBeUndefined();
  });

  it('is the master of the cell’s slot in a cluster', () => {
    const location = located({
      SLOTKEEPER_REDIS_MODE: 'cluster',
      SLOTKEEPER_REDIS_NODES: 'one:7000, [::1]:7001',
      SLOTKEEPER_REDIS_PASSWORD: 'secret',
      SLOTKEEPER_REDIS_TLS: 'true',
      SLOTKEEPER_CELL: 'eu-1',
    });

    expect(location).toEqual({
      kind: 'cluster',
      seeds: [
        { host: 'one', port: 7000 },
        { host: '::1', port: 7001 },
      ],
      slot: keySlot('slotkeeper:{eu-1}:cell'),
      credentials: { username: undefined, password: 'secret' },
      tls: true,
    });
  });

  it('is the master that Sentinels name', () => {
    const location = located({
      SLOTKEEPER_REDIS_MODE: 'sentinel',
      SLOTKEEPER_REDIS_NODES: 's1:26379,s2:26379',
      SLOTKEEPER_REDIS_SENTINEL_NAME: 'mymaster',
      SLOTKEEPER_REDIS_SENTINEL_PASSWORD: 'hidden',
    });

    expect(location).toMatchObject({
      kind: 'sentinel',
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 26_379 },
      ],
      name: 'mymaster',
      credentials: { password: undefined },
      sentinelCredentials: { password: 'hidden' },
      tls: false,
    });
  });

  it('is described without what is secret in it', () => {
    const env = { SLOTKEEPER_REDIS_NODES: 's1:26379', SLOTKEEPER_REDIS_PASSWORD: 'secret' };
    const cluster = located({ ...env, SLOTKEEPER_REDIS_MODE: 'cluster' });
    const named = { ...env, SLOTKEEPER_REDIS_SENTINEL_NAME: 'mymaster' };
    const sentinel = located({ ...named, SLOTKEEPER_REDIS_MODE: 'sentinel' });

    expect(describeStore(cluster!)).toBe('The Redis Cluster of s1:26379');
    expect(describeStore(sentinel!)).toBe('Redis mymaster of the Sentinels s1:26379');
  });

  it.each<[string, Environment, RegExp]>([
    ['a cluster without nodes', { MODE: 'cluster' }, /redis\.nodes: is missing/],
    ['a node without a port', { MODE: 'cluster', NODES: 'one' }, /use host:port/],
    [
      'a master without a name',
      { MODE: 'sentinel', NODES: 's:1' },
      /redis\.sentinelName: is missing/,
    ],
    ['nodes of a single server', { NODES: 'one:1' }, /redis\.nodes: is for redis\.mode sentinel/],
    ['TLS that is neither', { MODE: 'cluster', NODES: 's:1', TLS: 'maybe' }, /redis\.tls/],
  ])('is refused: %s', (_what, short, message) => {
    const env = Object.entries(short).map(([name, value]) => [`SLOTKEEPER_REDIS_${name}`, value]);

    expect(() => located(Object.fromEntries(env) as Environment)).toThrow(message);
  });

  it('is refused where a URL and nodes are given, without repeating the URL', () => {
    const env = {
      REDIS_URL: 'redis://:secret@cache',
      SLOTKEEPER_REDIS_MODE: 'cluster',
      SLOTKEEPER_REDIS_NODES: 'one:7000',
    };

    expect(() => located(env)).toThrow(/redis\.url: is for redis\.mode standalone.*REDIS_URL/);
    expect(() => located(env)).not.toThrow(/secret/);
  });
});
