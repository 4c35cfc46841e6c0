// One redis-server for one scenario: a child on a free loopback TCP port, without persistence,
// the same for every contender. It owns the child, its counters of cost and its clients.
import { Redis } from 'ioredis';
import { startChild, freePort, type Child } from './children.ts';
import { findRedisServer } from './tools.ts';
import type { Bench } from './scenario.ts';

export interface RedisCost {
  /** CPU of the server since its start, system calls included, in microseconds. */
  readonly cpuUs: number;
  /** Time inside scripts since its start, in microseconds. */
  readonly scriptUs: number;
}

export interface RedisServer {
  readonly port: number;
  readonly pid: number;
  /** A client whose calls of one event-loop turn share a write. Closed with the scenario. */
  connect(): Redis;
  cost(): Promise<RedisCost>;
  /** Bytes that Redis counts as used by data and clients. */
  usedMemoryBytes(): Promise<number>;
}

/** Starts a server that ends with the scenario. */
export async function startRedis(bench: Bench): Promise<RedisServer> {
  const { path, env } = await findRedisServer();
  const port = await freePort();
  const child: Child = await startChild(bench, {
    command: path,
    args: [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      bench.directory,
      '--save',
      '',
    ].concat(['--appendonly', 'no', '--maxmemory-policy', 'noeviction', '--loglevel', 'warning']),
    env,
    port,
  });
  const connect = (): Redis => {
    const client = new Redis({
      port,
      host: '127.0.0.1',
      protocol: 2,
      enableAutoPipelining: true,
      maxRetriesPerRequest: 3,
    });
    bench.defer(async () => client.disconnect());
    return client;
  };
  // Its own connection: a reading must not wait behind the load in one client's queue.
  const probe = connect();
  return {
    port,
    pid: child.pid,
    connect,
    cost: async () => {
      const info = parseInfo(await probe.info('cpu', 'commandstats'));
      const cpuSeconds = number(info, 'used_cpu_sys') + number(info, 'used_cpu_user');
      return { cpuUs: cpuSeconds * 1e6, scriptUs: scriptMicroseconds(info) };
    },
    usedMemoryBytes: async () => number(parseInfo(await probe.info('memory')), 'used_memory'),
  };
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}

function number(info: ReadonlyMap<string, string>, field: string): number {
  return Number(info.get(field) ?? Number.NaN);
}

function scriptMicroseconds(info: ReadonlyMap<string, string>): number {
  const commands = ['eval', 'evalsha', 'fcall'].map((name) => info.get(`cmdstat_${name}`) ?? '');
  return commands
    .map((stats) => Number(/usec=(\d+)/.exec(stats)?.[1] ?? 0))
    .reduce((sum, us) => sum + us, 0);
}
