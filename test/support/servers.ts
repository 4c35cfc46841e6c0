// Bare redis-server processes on loopback ports, for what needs many of them: a Cluster, Sentinels.
// No redis-cli is needed: everything is said by commands.
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { startProcess } from './process.ts';

export type Settings = Readonly<Record<string, string>>;

/** Where servers come from, and where they may write. */
export interface ServerHost {
  readonly serverPath: string;
  /** A fresh empty one for each server. */
  directory(): Promise<string>;
}

export interface TestServer {
  readonly port: number;
  /** host:port */
  readonly address: string;
  readonly redis: Redis;
  /** kill -9 */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
}

/** So many different ports on which nobody listens. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const listeners = Array.from({ length: count }, () => createServer());
  await Promise.all(
    listeners.map((one) => new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))),
  );
  const ports = listeners.map((one) => (one.address() as AddressInfo).port);
  await Promise.all(listeners.map((one) => new Promise((resolve) => one.close(resolve))));
  return ports;
}

export interface ServerExtras {
  readonly args?: readonly string[];
  readonly lines?: readonly string[];
  readonly password?: string;
}

/** Settings become a redis.conf; `lines` follow them as they are. Answers when this resolves. */
export async function startServer(
  host: ServerHost,
  port: number,
  settings: Settings,
  { args = [], lines = [], password }: ServerExtras = {},
): Promise<TestServer> {
  const dir = await host.directory();
  const conf = { bind: '127.0.0.1', port: String(port), dir, 'protected-mode': 'no', ...settings };
  const file = join(dir, 'redis.conf');
  const text = [...Object.entries(conf).map(([name, value]) => `${name} ${value}`), ...lines];
  await writeFile(file, `${text.join('\n')}\n`);
  const child = startProcess(host.serverPath, [file, ...args]);
  const redis = new Redis({
    host: '127.0.0.1',
    port,
    ...(password === undefined ? {} : { password }),
    protocol: 2,
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
  });
  redis.on('error', () => undefined);
  await eventually(() => redis.ping());
  return {
    port,
    address: `127.0.0.1:${port}`,
    redis,
    kill: async () => {
      redis.disconnect();
      child.kill('SIGKILL');
      await child.ended;
    },
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
  };
}

/** The fields of INFO, of CLUSTER INFO and the like. */
export function fields(info: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    info.split('\r\n').map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
