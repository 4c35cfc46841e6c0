// One daemon of the fleet: the built product as a process, with links of its own to Redis and to the
// upstream, on a port that it keeps when it is started again, as a service manager would do it.
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { RedisProxy } from '../support/redis-proxy.ts';
import { startBuilt, startDaemonProcess, type RunningDaemon } from '../support/process.ts';
import type { Ending } from '../support/process.ts';

export interface DaemonOptions {
  readonly index: number;
  /** Holds the configuration. */
  readonly directory: string;
  /** Undefined: its configuration says where Redis is. */
  readonly redisUrl: string | undefined;
  readonly upstreamUrl: string;
  /** A module of preload/ that the process begins with, and what it is told. */
  readonly preload: Preload | undefined;
}

export interface Preload {
  readonly module: 'clock.mjs' | 'block.mjs';
  readonly ms: number;
}

/** A process that has not refused to start by then serves. */
const REFUSAL_MS = 15_000;

export class FleetDaemon implements AsyncDisposable {
  readonly index: number;
  readonly #store: RedisProxy | undefined;
  readonly upstream: RedisProxy;
  readonly #options: DaemonOptions;
  #process: RunningDaemon | undefined;
  #url = '';

  private constructor(options: DaemonOptions, store: RedisProxy | undefined, upstream: RedisProxy) {
    this.index = options.index;
    this.#options = options;
    this.#store = store;
    this.upstream = upstream;
  }

  /** With its links; `start` begins the process. */
  static async prepare(options: DaemonOptions): Promise<FleetDaemon> {
    const { redisUrl } = options;
    const store = redisUrl === undefined ? undefined : await RedisProxy.start(redisUrl);
    const upstream = await RedisProxy.start(options.upstreamUrl);
    return new FleetDaemon(options, store, upstream);
  }

  /** Its link to Redis. */
  get store(): RedisProxy {
    if (this.#store === undefined) throw new Error('this daemon finds its servers by itself');
    return this.#store;
  }

  /** The same for all of its processes. */
  get url(): string {
    return this.#url;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const { directory } = this.#options;
    this.#process = await startDaemonProcess({ cwd: directory, env: this.#environment() });
    this.#url = this.#process.url;
  }

  /** Starts a process that is expected to refuse; resolves with its end and what it said. */
  async startInVain(): Promise<Ending & { readonly said: string }> {
    const process = startBuilt('main.js', [], {
      cwd: this.#options.directory,
      env: this.#environment(),
    });
    const giveUp = setTimeout(() => process.kill('SIGKILL'), REFUSAL_MS);
    const ending = await process.ended;
    clearTimeout(giveUp);
    return { ...ending, said: process.stderr() };
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  /** Resolves when its process has ended. */
  async ended(): Promise<Ending | undefined> {
    return await this.#process?.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGCONT');
    await this.#process?.[Symbol.asyncDispose]();
    await this.#store?.[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
  }

  #environment(): Record<string, string> {
    const { preload } = this.#options;
    return {
      ...(this.#store !== undefined && { REDIS_URL: this.#store.url }),
      UPSTREAM_URL: `http://127.0.0.1:${this.upstream.port}`,
      SLOTKEEPER_PORT: this.#url === '' ? '0' : new URL(this.#url).port,
      ...(preload !== undefined && {
        NODE_OPTIONS: `--import ${preloadUrl(preload)}`,
        CHAOS_MS: String(preload.ms),
      }),
    };
  }
}

function preloadUrl({ module }: Preload): string {
  return pathToFileURL(resolve(import.meta.dirname, 'preload', module)).href;
}
