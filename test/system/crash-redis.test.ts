// @module-tag redis_required
// kill -9 of Redis with an append-only file, in the middle of load: no acknowledged slot is lost,
// requests that run go on, and the service comes back by itself.
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { startEmbeddedRedis } from '../../src/redis/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { startDaemonProcess, startProcess } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { chat, chats, expectAtRest, inFlight, keepChatting, metric } from './crash-cell.ts';

interface Slot {
  readonly requestId: string;
  readonly fence: number;
}

/** A store that is started again at once when it dies, as a service manager would do it. */
async function aStore(appendfsync: string) {
  const redis = await startEmbeddedRedis({
    dataDir: await temporaryDirectory(),
    server: inject('redisServer'),
    settings: { appendfsync },
  });
  onTestFinished(() => redis.stop());
  const client = await connectRedis(redis.url, { timeoutMs: 10_000, name: 'test' });
  onTestFinished(() => client.disconnect());
  const kill = (): void => {
    if (redis.pid !== undefined) process.kill(redis.pid, 'SIGKILL');
  };
  return { url: redis.url, kill, pid: () => redis.pid, observed: { redis: client, cell: 'main' } };
}

async function ask(url: string, method: string, body?: object) {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Slot };
}

describe.each(['everysec', 'always'])('kill -9 of Redis with appendfsync %s', (appendfsync) => {
  it('loses no acknowledged slot, cuts no running request, and service comes back', async () => {
    const store = await aStore(appendfsync);
    const env = {
      REDIS_URL: store.url,
      SLOTKEEPER_LOG_LEVEL: 'error',
      SLOTKEEPER_LEASE_MS: '15000',
    };
    await using daemon = await startDaemonProcess({ cwd: await temporaryDirectory(), env });
    const targets = [{ pool: 'openai', model: 'gpt-4' }];
    const acquired = await Promise.all(
      Array.from({ length: 30 }, () => ask(`${daemon.url}/scheduler/slots`, 'POST', { targets })),
    );
    const running = chats(daemon.url, 20, '[sim latency=4000]');
    const load = keepChatting(daemon.url, 10, '[sim latency=20]');
    await eventually(async () => {
      expect(load.statuses.length).toBeGreaterThan(50);
      expect(await inFlight(store.observed)).toBeGreaterThanOrEqual(50);
    });

    store.kill();
    const killedAt = load.statuses.length;
    // Requests that come meanwhile may wait until the leases are registered again.
    await eventually(async () => {
      expect(await metric(daemon.url, 'slotkeeper_recoveries_total')).toBe(1);
      expect(load.statuses.length).toBeGreaterThan(killedAt + 10);
      expect(load.statuses.slice(-10)).toEqual(Array.from({ length: 10 }, () => 200));
    });
    const renewed = await Promise.all(
      acquired.map(({ body: { requestId, fence } }) =>
        ask(`${daemon.url}/scheduler/slots/${requestId}/renew`, 'POST', { fence }),
      ),
    );

    expect(new Set(acquired.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(renewed.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(await running)).toEqual(new Set([200]));
    expect([200, 503]).toEqual(expect.arrayContaining([...new Set(await load.stop())]));
    expect(await metric(daemon.url, 'slotkeeper_leases_lost_total')).toBe(0);
    for (const { body } of acquired) {
      const { requestId, fence } = body;
      await ask(`${daemon.url}/scheduler/slots/${requestId}?fence=${fence}`, 'DELETE');
    }
    await eventually(() => expectAtRest(store.observed));
  });
});

describe('kill -9 of the Redis that a daemon runs for itself', () => {
  it('cuts no running request; the daemon starts it again and serves', async () => {
    const cwd = await temporaryDirectory();
    await using daemon = await startDaemonProcess({ cwd, env: { SLOTKEEPER_LOG_LEVEL: 'error' } });
    const [, cli = ''] = await daemon.waitFor(/^ {2}counter {2}(.*) GET .*$/m);
    const info = startProcess('sh', ['-c', `${cli} INFO server`]);
    await info.ended;
    const pid = Number(/process_id:(\d+)/.exec(info.stdout())?.[1]);
    const running = chats(daemon.url, 40, '[sim latency=3000]');
    await eventually(async () => {
      expect(await metric(daemon.url, 'slotkeeper_cell_leases')).toBe(40);
    });

    process.kill(pid, 'SIGKILL');
    await eventually(async () => expect(await chat(daemon.url)).toBe(200));

    expect(new Set(await running)).toEqual(new Set([200]));
    expect(await metric(daemon.url, 'slotkeeper_leases_lost_total')).toBe(0);
    await eventually(async () => {
      expect(await metric(daemon.url, 'slotkeeper_cell_leases')).toBe(0);
    });
  });
});
