// @module-tag redis_required
// A client that looks for its master by Sentinels while they name another one.
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SteadySentinelConnector } from '../../../src/redis/sentinel-connector.ts';
import { freePorts } from '../../support/servers.ts';

/** Its only Sentinel is not there. `connector` is what it looks with, private to ioredis. */
async function aClient(sentinelRetryStrategy: () => number | null) {
  const [port = 0] = await freePorts(1);
  const redis = new Redis({
    Connector: SteadySentinelConnector,
    sentinels: [{ host: '127.0.0.1', port }],
    name: 'm',
    lazyConnect: true,
    sentinelRetryStrategy,
    retryStrategy: () => 60_000,
  });
  redis.on('error', () => undefined);
  const next = (): Promise<string> =>
    new Promise((resolve) => {
      for (const event of ['end', 'reconnecting'] as const) redis.once(event, () => resolve(event));
    });
  onTestFinished(() => redis.disconnect());
  const { connector } = redis as unknown as { readonly connector: SteadySentinelConnector };
  return { redis, next, connector };
}

describe('a client behind Sentinels', () => {
  it('looks again when it is told of a new master while it looks for one', async () => {
    const { redis, next, connector } = await aClient(() => 1);
    const became = next();
    redis.connect().catch(() => undefined);

    // What ioredis does at +switch-master.
    connector.disconnect();

    expect(await became).toBe('reconnecting');
  });

  it('stays ended when its owner ends it meanwhile', async () => {
    const { redis, next } = await aClient(() => 1);
    const became = next();
    redis.connect().catch(() => undefined);

    redis.disconnect();

    expect(await became).toBe('end');
  });

  it('ends where no Sentinel is there and no retry is wanted', async () => {
    const { redis, next } = await aClient(() => null);
    const became = next();

    await expect(redis.connect()).rejects.toThrow('All sentinels are unreachable');

    expect(await became).toBe('end');
  });
});
