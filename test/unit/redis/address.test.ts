// A Redis URL: what it says to the client, and what may be said about it.
import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from '../../../src/redis/connection.ts';
import { describeAddress } from '../../../src/redis/location.ts';

describe('a Redis URL', () => {
  it.each([
    ['redis://cache', { host: 'cache', port: 6379, db: 0 }],
    ['redis://cache:7000/3', { host: 'cache', port: 7000, db: 3 }],
    ['redis://cache?db=4', { host: 'cache', port: 6379, db: 4 }],
    ['redis://[::1]:7000', { host: '::1', port: 7000, db: 0 }],
    ['redis://:p%40ss@cache', { host: 'cache', port: 6379, db: 0, password: 'p@ss' }],
    ['redis://me:p@cache', { host: 'cache', port: 6379, db: 0, username: 'me', password: 'p' }],
    ['rediss://cache', { host: 'cache', port: 6379, db: 0, tls: {} }],
    ['valkey://cache', { host: 'cache', port: 6379, db: 0 }],
    ['unix:///run/redis.sock', { path: '/run/redis.sock', db: 0 }],
    ['unix:///a%20b/redis.sock?db=2', { path: '/a b/redis.sock', db: 2 }],
  ])('%s is understood', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  it.each(['cache:6379', 'http://cache', 'redis://cache/one', 'no url', 'unix:///a?db=x'])(
    '%s is refused without being repeated',
    (url) => {
      expect(() => parseRedisUrl(url)).toThrow(/REDIS_URL/);
      expect(() => parseRedisUrl(url)).not.toThrow(url);
    },
  );

  it.each([
    ['redis://user:secret@cache:7000/3', 'cache:7000'],
    ['rediss://:secret@cache', 'cache:6379'],
    ['unix:///run/redis.sock?db=2', '/run/redis.sock'],
    ['secret', '(not a URL)'],
  ])('%s is described without what is secret in it', (url, description) => {
    expect(describeAddress(url)).toBe(description);
  });
});
