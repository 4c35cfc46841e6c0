// @module-tag redis_required
// A client connection: what it says when the server cannot be used, and what it refuses to use.
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { connectRedis } from '../../../src/redis/connection.ts';
import { checkServer } from '../../../src/redis/server-check.ts';
import { useRedis } from '../../support/redis.ts';

const OPTIONS = { timeoutMs: 2000, name: 'test' };

describe('a server as it should be', () => {
  const server = useRedis();

  it('is connected to by its URL and passes the check', async () => {
    const redis = await connectRedis(server.url, OPTIONS);

    const check = await checkServer(redis);

    expect(await redis.ping()).toBe('PONG');
    expect(check.cluster).toBe(false);
    expect(check.version).toMatch(/^\d+\.\d+\.\d+$/);
    redis.disconnect();
  });

  it('gives a warning when a crash of it would lose the leases', async () => {
    const check = await checkServer(server.redis);

    expect(check.warnings.join()).toContain('appendonly yes');
  });
});

describe('a server with an eviction policy', () => {
  const server = useRedis({ settings: { 'maxmemory-policy': 'allkeys-lru' } });

  it('is refused with the command that cures it', async () => {
    const check = checkServer(server.redis);

    await expect(check).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('CONFIG SET maxmemory-policy noeviction') as string,
    });
  });
});

describe('a server that cannot be used', () => {
  const guarded = useRedis({ settings: { 'enable-debug-command': 'yes' } });

  it('is named by its address alone when nothing listens there', async () => {
    const attempt = connectRedis('redis://user:secret@127.0.0.1:1', OPTIONS);

    const error = await attempt.catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('Redis at 127.0.0.1:1 cannot be used: nothing') as string,
    });
    expect(inspect(error, { depth: 9 })).not.toContain('secret');
  });

  it('is named by its path when there is no such socket', async () => {
    const attempt = connectRedis('unix:///no/such.sock', OPTIONS);

    await expect(attempt).rejects.toThrow('Redis at /no/such.sock cannot be used: there is no');
  });

  it('is said to refuse a password, which is not repeated', async () => {
    await guarded.redis.call('CONFIG', 'SET', 'requirepass', 'right');
    const url = withPassword(guarded.url, 'secret');

    const error = await connectRedis(url, OPTIONS).catch((reason: unknown) => reason);

    await guarded.redis.call('CONFIG', 'SET', 'requirepass', '');
    expect(error).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('it refuses the user name or password') as string,
    });
    expect(inspect(error, { depth: 9 })).not.toContain('secret');
  });

  it('fails a command within the time limit when it does not answer', async () => {
    const redis = await connectRedis(guarded.url, { ...OPTIONS, timeoutMs: 100 });
    const startedAt = performance.now();

    // The server sleeps for a second; the client must not wait for it.
    const attempt = redis.call('DEBUG', 'SLEEP', '1');

    await expect(attempt).rejects.toThrow('timed out');
    expect(performance.now() - startedAt).toBeLessThan(900);
    redis.disconnect();
  });

  it('whose policy may not be read gives a warning in its place', async () => {
    await guarded.redis.call(
      'ACL',
      'SETUSER',
      'limited',
      'on',
      '>word',
      '+@all',
      '-info',
      '-config',
    );
    const redis = await guarded.connect();
    await redis.call('AUTH', 'limited', 'word');

    const check = await checkServer(redis);

    expect(check.warnings).toEqual([
      'The eviction policy cannot be read here: make sure that it is noeviction.',
    ]);
  });
});

function withPassword(url: string, password: string): string {
  return url.replace('://', `://:${password}@${url.startsWith('unix') ? 'local' : ''}`);
}
