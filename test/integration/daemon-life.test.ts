// @module-tag redis_required
// A daemon's start and end: what it finishes, what it refuses, and that nothing of it stays.
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startDaemon } from '../../src/daemon.ts';
import { chat, demoConfigOn, refused, startDemo, untilInFlight } from '../support/demo-daemon.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const store = useRedis();

/** The store notices a closed connection a moment later than its client. */
async function untilNoClient(): Promise<void> {
  while (String(await store.redis.client('LIST')).includes('name=slotkeeper')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a stopping daemon', () => {
  it('finishes what runs and takes nothing new', async () => {
    const daemon = await startDemo(store);
    const running = chat(daemon.url, { content: '[sim latency=600]' });
    await untilInFlight(daemon, 1);

    const stopped = daemon.stop();
    const isRefused = await refused(`${daemon.url}/healthz`);
    const answer = await running;

    expect(answer.status).toBe(200);
    expect(isRefused).toBe(true);
    await stopped;
    expect(await daemon.inFlight()).toBe(0);
  });

  it('answers readiness with 503 and says draining on connections that are still open', async () => {
    const daemon = await startDemo(store);
    const client = new AbortController();
    const hanging = chat(daemon.url, { content: '[sim latency=400]', signal: client.signal });
    await untilInFlight(daemon, 1);
    const { hostname: host, port } = new URL(daemon.url);

    const answered = await new Promise<string>((resolve, reject) => {
      // The connection carries half of a request when the drain begins.
      const request = httpRequest({ host, port, path: '/readyz', method: 'GET' }, (answer) => {
        let body = `${answer.statusCode ?? 0} `;
        answer.on('data', (part) => (body += String(part)));
        answer.on('end', () => resolve(body));
      });
      request.on('error', reject);
      request.once('socket', (socket) => {
        socket.once('connect', () => {
          socket.write('GET /readyz HTTP/1.1\r\n');
          void daemon.stop();
          setImmediate(() => socket.write('host: test\r\n\r\n'));
        });
      });
      request.flushHeaders = () => undefined;
    });

    client.abort();
    await hanging.catch(() => undefined);
    expect(answered).toMatch(/^503 \{"status":"draining","reason":"shutting_down"[,}]/);
  });

  it('breaks off after the grace what still runs, and gives its slot back', async () => {
    const daemon = await startDemo(store, { SLOTKEEPER_SHUTDOWN_GRACE_MS: '50' });
    const running = chat(daemon.url, { content: '[sim fault=hang]' });
    await untilInFlight(daemon, 1);

    await daemon.stop();
    const answer = await running;

    const body = (await answer.json()) as { error: { code: string } };
    expect([answer.status, body.error.code]).toEqual([503, 'shutting_down']);
    expect(await daemon.inFlight()).toBe(0);
  });

  it('stops its simulator and closes its connections to the store', async () => {
    const daemon = await startDemo(store);

    await daemon.stop();
    await daemon.stop();

    expect(await refused(`${daemon.simUrl!}/_sim/stats`)).toBe(true);
    await untilNoClient();
  });
});

describe('a daemon that cannot start', () => {
  it('leaves nothing running when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const config = demoConfigOn(store, { SLOTKEEPER_PORT: String(port) });

    const start = startDaemon({ config, env: process.env });

    await expect(start).rejects.toMatchObject({ code: 'EADDRINUSE', port });
    await untilNoClient();
  });

  it('leaves nothing running when the store cannot be reached', async () => {
    const config = demoConfigOn(store, { REDIS_URL: 'redis://user:hunter2@127.0.0.1:1' });

    const start = startDaemon({ config, env: process.env });

    const error = await start.catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: 'store_unavailable' });
    expect((error as Error).message).not.toContain('hunter2');
  });

  it('says what to do about a store that would evict leases', async () => {
    await store.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    onTestFinished(async () => {
      await store.redis.config('SET', 'maxmemory-policy', 'noeviction');
    });

    const start = startDaemon({ config: demoConfigOn(store), env: process.env });

    await expect(start).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(start).rejects.toThrow('noeviction');
  });
});

describe('a daemon without REDIS_URL', () => {
  it('brings its own store and takes it along when it stops', async () => {
    const dataDir = await temporaryDirectory();
    const config = demoConfigOn(store, { SLOTKEEPER_DATA_DIR: dataDir, REDIS_URL: '' });
    const daemon = await startDaemon({ config, env: process.env });
    onTestFinished(() => daemon.stop());

    const answer = await chat(daemon.url);
    await answer.text();
    const { socketPath } = daemon.redis;
    await daemon.stop();

    expect(answer.status).toBe(200);
    expect(socketPath).toContain('redis.sock');
    await expect(startDaemonOn(`unix://${socketPath!}`)).rejects.toMatchObject({
      code: 'store_unavailable',
    });
  });
});

function startDaemonOn(url: string) {
  return startDaemon({ config: demoConfigOn(store, { REDIS_URL: url }), env: process.env });
}
