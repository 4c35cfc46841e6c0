// Where a real Redis server comes from when no REDIS_URL names one: PATH, our own cache, the
// distribution's packages unpacked into that cache, Docker. It starts nothing and installs nothing
// outside the user's cache directory.
import { access, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { AppError } from '../core/errors.ts';
import { findExecutable, runCommand } from './command.ts';
import { DEBIAN_REDIS, unpackDebian } from './debian.ts';

export type RedisServer =
  | {
      readonly kind: 'binary';
      readonly serverPath: string;
      /** Full path of the matching redis-cli, where there is one. */
      readonly cliPath: string | undefined;
      readonly version: string;
    }
  | { readonly kind: 'docker'; readonly dockerPath: string; readonly image: string };

export interface FindOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Told about steps that take time. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** Functions with a shebang, `allow-oom` and multi-part AOF all arrived with 7.0. */
const OLDEST_MAJOR = 7;
const DOCKER_IMAGE = 'redis:7.4-bookworm';

const HOW_TO_INSTALL = [
  '  Debian, Ubuntu   sudo apt-get install redis-server',
  '  Fedora           sudo dnf install valkey',
  '  Alpine           sudo apk add redis',
  '  macOS            brew install redis',
  '  Windows          use WSL, then as for Ubuntu',
  '  anywhere         REDIS_URL=redis://host:6379 npm start',
].join('\n');

/**
 * The first real server of the order above, at least version 7.0. Rejects with
 * `store_unavailable`, listing what was tried and one command per system.
 */
export async function findRedisServer(options: FindOptions): Promise<RedisServer> {
  const tried: string[] = [];
  const sources = [fromPath, fromCache, fromDebian, fromDocker];
  for (const source of sources) {
    const server = await source(options, tried);
    if (server !== undefined) return server;
  }
  throw new AppError(
    'store_unavailable',
    `No Redis server could be found. Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}\n` +
      `Install one, or name a running one:\n${HOW_TO_INSTALL}`,
  );
}

/** `~/.cache/slotkeeper`, or below `XDG_CACHE_HOME` where that is set. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'];
  const home = env['HOME'];
  const fallback = join(home === undefined || home === '' ? homedir() : home, '.cache');
  return join(base === undefined || base === '' ? fallback : base, 'slotkeeper');
}

async function fromPath(options: FindOptions, tried: string[]): Promise<RedisServer | undefined> {
  for (const name of ['redis-server', 'valkey-server']) {
    const serverPath = await findExecutable(name, options.env);
    if (serverPath === undefined) continue;
    const usable = await inspectServer(serverPath, tried);
    if (usable !== undefined) return usable;
  }
  if (tried.length === 0) tried.push('redis-server and valkey-server on PATH: not there');
  return undefined;
}

async function fromCache(options: FindOptions, tried: string[]): Promise<RedisServer | undefined> {
  const cache = cacheDirectory(options.env);
  const entries = await readdir(cache).catch((): string[] => []);
  const unpacked = entries.filter((entry) => /^redis-\d/.test(entry)).sort(byVersion);
  for (const entry of unpacked.reverse()) {
    const usable = await inspectServer(join(cache, entry, 'bin', 'redis-server'), tried);
    if (usable !== undefined) return usable;
  }
  return undefined;
}

async function fromDebian(options: FindOptions, tried: string[]): Promise<RedisServer | undefined> {
  const cache = cacheDirectory(options.env);
  const result = await unpackDebian(DEBIAN_REDIS, { ...options, cache });
  if (result.kind === 'unpacked')
    return await inspectServer(join(result.bin, 'redis-server'), tried);
  tried.push(`Debian's packages, unpacked without root: ${result.reason}`);
  return undefined;
}

async function fromDocker(options: FindOptions, tried: string[]): Promise<RedisServer | undefined> {
  const dockerPath = await findExecutable('docker', options.env);
  if (dockerPath === undefined) {
    tried.push('Docker: no docker on PATH');
    return undefined;
  }
  const probe = await runCommand(dockerPath, ['version', '--format', '{{.Server.Version}}'], {
    env: options.env,
    timeoutMs: 10_000,
  });
  if (probe.ok) return { kind: 'docker', dockerPath, image: DOCKER_IMAGE };
  tried.push(`Docker: ${probe.complaint}`);
  return undefined;
}

/** A server that runs here and is new enough; otherwise the reason goes to `tried`. */
async function inspectServer(
  serverPath: string,
  tried: string[],
): Promise<RedisServer | undefined> {
  const answer = await runCommand(serverPath, ['--version'], { timeoutMs: 10_000 });
  const version = /\bv=(\d+\.\d+\.\d+)/.exec(answer.stdout)?.[1];
  if (!answer.ok || version === undefined) {
    tried.push(`${serverPath}: does not run (${answer.complaint})`);
    return undefined;
  }
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    tried.push(`${serverPath}: version ${version}, but 7.0 or newer is needed`);
    return undefined;
  }
  return { kind: 'binary', serverPath, cliPath: await cliBeside(serverPath), version };
}

async function cliBeside(serverPath: string): Promise<string | undefined> {
  for (const name of ['redis-cli', 'valkey-cli']) {
    const candidate = join(dirname(serverPath), name);
    const there = await access(candidate).then(
      () => true,
      () => false,
    );
    if (there) return candidate;
  }
  return undefined;
}

function byVersion(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true });
}
