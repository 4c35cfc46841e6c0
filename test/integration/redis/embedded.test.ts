// @module-tag redis_required
// The Redis that the product brings along: its life, its directory, and that nothing of it stays
// behind, however its owner ends.
import { existsSync, lstatSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { connectRedis } from '../../../src/redis/connection.ts';
import { startEmbeddedRedis } from '../../../src/redis/embedded.ts';
import type { EmbeddedRedis, EmbeddedRedisOptions } from '../../../src/redis/embedded.ts';
import { identifyProcess } from '../../../src/redis/process-identity.ts';
import { eventually } from '../../support/eventually.ts';
import { startProcess } from '../../support/process.ts';
import type { RunningProcess } from '../../support/process.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const OWNER = resolve(import.meta.dirname, '../../support/programs/redis-owner.mjs');
const running: EmbeddedRedis[] = [];
const clients: Redis[] = [];

async function start(
  dataDir: string,
  options: Partial<EmbeddedRedisOptions> = {},
): Promise<EmbeddedRedis> {
  const redis = await startEmbeddedRedis({ dataDir, server: inject('redisServer'), ...options });
  running.push(redis);
  return redis;
}

async function connect(redis: EmbeddedRedis): Promise<Redis> {
  const client = await connectRedis(redis.url, { timeoutMs: 10_000, name: 'test' });
  clients.push(client);
  return client;
}

function pidOf(redis: EmbeddedRedis): number {
  if (redis.pid === undefined) throw new Error('it does not run');
  return redis.pid;
}

/** A process group of its own that owns the Redis in `dataDir`. */
async function aRunningOwner(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ owner: RunningProcess; pid: number }> {
  const tsx = resolve(import.meta.dirname, '../../../node_modules/tsx/dist/cli.mjs');
  const server = JSON.stringify(inject('redisServer'));
  const owner = startProcess(process.execPath, [tsx, OWNER, dataDir, server], { env });
  const [line] = await owner.waitFor(/\{.*\}/);
  return { owner, pid: (JSON.parse(line) as { pid: number }).pid };
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  for (const redis of running.splice(0)) await redis.stop();
});

describe('an embedded Redis', () => {
  it('listens on a socket in its directory alone, with the settings that leases need', async () => {
    const dataDir = await temporaryDirectory();

    const redis = await start(dataDir);

    const client = await connect(redis);
    const settings = (await client.call(
      'CONFIG',
      'GET',
      'port',
      'appendonly',
      'appendfsync',
      'maxmemory-policy',
    )) as string[];
    expect(redis.socketPath).toBe(`${dataDir}/redis.sock`);
    expect(lstatSync(`${dataDir}/redis.sock`).mode & 0o777).toBe(0o700);
    expect(Object.fromEntries(pairs(settings))).toEqual({
      port: '0',
      appendonly: 'yes',
      appendfsync: 'everysec',
      'maxmemory-policy': 'noeviction',
    });
  });

  it('prints a line that opens redis-cli on it, with its full path', async () => {
    const redis = await start(await temporaryDirectory());
    await (await connect(redis)).set('greeting', 'hello');

    const shell = startProcess('sh', ['-c', `${redis.cliCommand} GET greeting`]);
    await shell.ended;

    expect(redis.cliCommand.startsWith('/')).toBe(true);
    expect(shell.stdout().trim()).toBe('hello');
  });

  it('keeps its data over a stop and a start', async () => {
    const dataDir = await temporaryDirectory();
    const first = await start(dataDir);
    await (await connect(first)).set('kept', 'yes');
    await first.stop();

    const second = await start(dataDir);

    expect(await (await connect(second)).get('kept')).toBe('yes');
  });

  it('ends its process and takes its socket and lock away when it is stopped, twice too', async () => {
    const dataDir = await temporaryDirectory();
    const redis = await start(dataDir);
    const pid = pidOf(redis);

    await Promise.all([redis.stop(), redis.stop()]);

    expect(await identifyProcess(pid)).toBeUndefined();
    expect(existsSync(`${dataDir}/redis.sock`)).toBe(false);
    expect(existsSync(`${dataDir}/lock`)).toBe(false);
  });

  it('is started again with its data when it is killed', async () => {
    const lines: string[] = [];
    const redis = await start(await temporaryDirectory(), {
      onProgress: (line) => lines.push(line),
    });
    const client = await connect(redis);
    await client.set('kept', 'yes');
    const killed = pidOf(redis);

    process.kill(killed, 'SIGKILL');
    const kept = await eventually(() => client.get('kept'));

    expect(kept).toBe('yes');
    expect(redis.pid).not.toBe(killed);
    expect(lines).toContain('Redis ended unexpectedly and is started again.');
  });

  it('serves under a directory whose path is too long for a socket', async () => {
    const dataDir = `${await temporaryDirectory()}/${'long-name-'.repeat(12)}`;

    const redis = await start(dataDir);

    expect(await (await connect(redis)).ping()).toBe('PONG');
    expect(lstatSync(`${dataDir}/redis.sock`).isSymbolicLink()).toBe(true);
    await redis.stop();
    expect(existsSync(redis.socketPath ?? '')).toBe(false);
  });

  it('says what the server said when it cannot start, and leaves no lock', async () => {
    const dataDir = await temporaryDirectory();

    const failed = start(dataDir, { settings: { 'no-such-setting': '1' } });

    await expect(failed).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('no-such-setting') as string,
    });
    expect(existsSync(`${dataDir}/lock`)).toBe(false);
  });
});

describe('the lock of a data directory', () => {
  it('refuses a second owner and names the first', async () => {
    const dataDir = await temporaryDirectory();
    const { owner } = await aRunningOwner(dataDir);

    const second = start(dataDir);

    const named = await lockOwner(dataDir);
    await expect(second).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining(`pid ${named}`) as string,
    });
    await owner[Symbol.asyncDispose]();
  });

  it('is taken over from an owner that was killed, and its Redis is gone', async () => {
    const dataDir = await temporaryDirectory();
    const { owner, pid } = await aRunningOwner(dataDir);
    process.kill(-owner.pid, 'SIGKILL');
    await owner.ended;

    const next = await start(dataDir);

    expect(await identifyProcess(pid)).toBeUndefined();
    expect(await (await connect(next)).ping()).toBe('PONG');
  });

  it('is taken over with the Redis that nothing ended', async () => {
    const dataDir = await temporaryDirectory();
    // Without setpriv on PATH nothing ties the server to its owner.
    const { owner, pid } = await aRunningOwner(dataDir, { PATH: dataDir });
    process.kill(-owner.pid, 'SIGKILL');
    await owner.ended;
    const survivor = await identifyProcess(pid);

    const next = await start(dataDir);

    expect(survivor).toBeDefined();
    expect(await identifyProcess(pid)).toBeUndefined();
    expect(await (await connect(next)).ping()).toBe('PONG');
  });

  it('is taken over when its pid belongs to another process by now', async () => {
    const dataDir = await temporaryDirectory();
    const reused = { owner: { pid: process.pid, started: 'another boot' } };
    await writeFile(`${dataDir}/lock`, JSON.stringify(reused));

    const redis = await start(dataDir);

    expect(await (await connect(redis)).ping()).toBe('PONG');
  });

  it('is taken over when its content is damaged', async () => {
    const dataDir = await temporaryDirectory();
    await writeFile(`${dataDir}/lock`, '{"owner":');

    const redis = await start(dataDir);

    expect(await (await connect(redis)).ping()).toBe('PONG');
  });

  it('lets one of many simultaneous starters in', async () => {
    const dataDir = await temporaryDirectory();

    const results = await Promise.allSettled(Array.from({ length: 8 }, () => start(dataDir)));

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('an owner that is killed', () => {
  it.runIf(process.platform === 'linux')('takes its Redis with it', async () => {
    const { owner, pid } = await aRunningOwner(await temporaryDirectory());
    const server = await identifyProcess(pid);

    // The tsx command runs the owner as its child: both go at once.
    process.kill(-owner.pid, 'SIGKILL');

    await eventually(async () => expect(await identifyProcess(pid)).toBeUndefined());
    expect(server).toBeDefined();
  });
});

async function lockOwner(dataDir: string): Promise<number> {
  const lock = JSON.parse(await readFile(`${dataDir}/lock`, 'utf8')) as { owner: { pid: number } };
  return lock.owner.pid;
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : []));
}
