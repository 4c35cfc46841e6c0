// A real Redis server as our child: started under a data directory that it has for itself, brought
// back when it crashes, ended with us. Where the server comes from is find-server.ts's matter; it
// holds no client.
//
// States: starting → serving ⇄ restarting → stopped. `stop` is final from any of them.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../core/errors.ts';
import { lockDirectory } from './directory-lock.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { findRedisServer } from './find-server.ts';
import type { RedisServer } from './find-server.ts';
import { planLaunch } from './launch.ts';
import type { Launch } from './launch.ts';
import { probeRedis, requestShutdown } from './probe.ts';
import type { RedisAddress } from './probe.ts';
import { isRunning } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

export { cacheDirectory, findRedisServer } from './find-server.ts';
export type { RedisServer } from './find-server.ts';

export interface EmbeddedRedisOptions {
  /** Created when missing. One live owner at a time. */
  readonly dataDir: string;
  /** By default `findRedisServer` looks for one. */
  readonly server?: RedisServer | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Told, in one line each, about steps that take time and about crashes. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** `append-only` (fsync every second) unless a test wants none. */
  readonly persistence?: 'append-only' | 'none' | undefined;
  /** Further redis.conf settings. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** Whether a server that ended by itself is started again. True by default. */
  readonly restart?: boolean | undefined;
}

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 10_000;
const RESTART_DELAY_MS = 100;
/** A server that ends this often within the window will not be cured by one more start. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 30_000;

/**
 * Starts the server and resolves when it has loaded its data and answers. Rejects with
 * `store_unavailable` when there is no server to be had, when another process owns the directory,
 * or when the server ends at once; then nothing is left behind.
 */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const env = options.env ?? process.env;
  const { onProgress } = options;
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(dataDir);
  try {
    if (lock.leftover !== undefined) await endLeftover(lock.leftover, dataDir);
    const server = options.server ?? (await findRedisServer({ env, onProgress }));
    const launch = await planLaunch(server, {
      dataDir,
      persistence: options.persistence ?? 'append-only',
      settings: options.settings ?? {},
      env,
    });
    return await EmbeddedRedis.start({ ...options, env, dataDir, lock, launch });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface Parts extends EmbeddedRedisOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly lock: DirectoryLock;
  readonly launch: Launch;
}

/** A running server of our own. */
export class EmbeddedRedis {
  readonly dataDir: string;
  readonly #parts: Parts;
  #child: ChildProcess | undefined;
  #address: RedisAddress | undefined;
  #stopping: Promise<void> | undefined;
  #restarts: number[] = [];

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.dataDir = parts.dataDir;
  }

  /** Called by `startEmbeddedRedis` alone. */
  static async start(parts: Parts): Promise<EmbeddedRedis> {
    const redis = new EmbeddedRedis(parts);
    try {
      await redis.#launch();
    } catch (error) {
      await redis.stop();
      throw error;
    }
    return redis;
  }

  /** What `connectRedis` takes: unix:///… or redis://127.0.0.1:port. */
  get url(): string {
    const address = this.#reached();
    if (address.kind === 'tcp') return `redis://${address.host}:${address.port}`;
    return `unix://${address.path.split('/').map(encodeURIComponent).join('/')}`;
  }

  get socketPath(): string | undefined {
    const address = this.#reached();
    return address.kind === 'unix' ? address.path : undefined;
  }

  /** A shell line that opens redis-cli on this server; arguments may follow. */
  get cliCommand(): string {
    return this.#parts.launch.cliCommand(this.#reached());
  }

  /** The server's process, while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Idempotent. Flushes the append-only file and resolves when the process has ended. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  #reached(): RedisAddress {
    if (this.#address === undefined) throw new AppError('internal', 'Redis is not started.');
    return this.#address;
  }

  async #launch(): Promise<void> {
    const { launch, lock, dataDir, env } = this.#parts;
    const log = await open(join(dataDir, 'redis.log'), 'w', 0o600);
    // A session of its own: Ctrl-C in the terminal must reach us first, not the server.
    const child = spawn(launch.command, launch.args, {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
      env,
    });
    this.#child = child;
    child.on('error', () => undefined);
    child.once('exit', () => this.#ended(child));
    process.on('exit', this.#killAtExit);
    await log.close();
    if (child.pid !== undefined) await lock.recordServer(child.pid);
    await this.#untilReady(child);
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    let told = false;
    while (performance.now() < deadline) {
      if (hasEnded(child)) throw await this.#startFailure();
      this.#address ??= await this.#parts.launch.address();
      const state = this.#address === undefined ? 'unreachable' : await probeRedis(this.#address);
      if (state === 'ready') return;
      if (state === 'loading' && !told) this.#parts.onProgress?.('Redis is loading its data …');
      told ||= state === 'loading';
      await delay(state === 'loading' ? 20 : 3);
    }
    throw await this.#startFailure();
  }

  async #startFailure(): Promise<AppError> {
    const path = join(this.dataDir, 'redis.log');
    const text = await readFile(path, 'utf8').catch(() => '');
    const last = text.trimEnd().split('\n').slice(-3).join('\n');
    return new AppError(
      'store_unavailable',
      `The embedded Redis did not start. Its last words (${path}):\n${last}\n` +
        `Correct that, or use another Redis with REDIS_URL.`,
    );
  }

  readonly #killAtExit = (): void => {
    this.#child?.kill('SIGTERM');
  };

  #ended(child: ChildProcess): void {
    process.off('exit', this.#killAtExit);
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#stopping !== undefined || this.#parts.restart === false) return;
    if (this.#address !== undefined) void this.#restart();
  }

  async #restart(): Promise<void> {
    const now = performance.now();
    this.#restarts = [...this.#restarts.filter((at) => now - at < RESTART_WINDOW_MS), now];
    if (this.#restarts.length > MAX_RESTARTS) {
      this.#parts.onProgress?.(`Redis keeps ending: see ${join(this.dataDir, 'redis.log')}`);
      return;
    }
    this.#parts.onProgress?.('Redis ended unexpectedly and is started again.');
    await delay(RESTART_DELAY_MS);
    if (this.#stopping !== undefined) return;
    // A failed start ends the child, and that comes back here through `#ended`.
    await this.#launch().catch(() => undefined);
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && !hasEnded(child)) {
      const exited = once(child, 'exit');
      if (this.#address === undefined) child.kill('SIGTERM');
      else await requestShutdown(this.#address);
      await firstOf(exited, STOP_TIMEOUT_MS);
      if (!hasEnded(child)) {
        child.kill('SIGKILL');
        await exited;
      }
    }
    await this.#parts.launch.dispose();
    await this.#parts.lock.release();
  }
}

/** A dead owner's server, where nothing could tie the two: it must let go of the files first. */
async function endLeftover(leftover: ProcessIdentity, dataDir: string): Promise<void> {
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (await isRunning(leftover)) {
    if (performance.now() > deadline) {
      throw new AppError(
        'store_unavailable',
        `A Redis (pid ${leftover.pid}) still uses ${dataDir} and does not end. Stop it first.`,
      );
    }
    signal(leftover.pid, 'SIGTERM');
    await delay(20);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended in between.
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function firstOf(exited: Promise<unknown>, timeoutMs: number): Promise<void> {
  const timer = new AbortController();
  await Promise.race([
    exited,
    delay(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
}
