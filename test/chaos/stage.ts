// The stage of one fault: a real Redis, the simulated upstream, three daemons and their clients'
// load. It starts and stops them all and gives faults their handles; it judges nothing.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { rmSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { Cleanup } from '../../src/cleanup.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { integerBetween, seededRandom, type Random } from '../../src/sim/random.ts';
import type { Simulator } from '../../src/sim/options.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { readCounters, type Counters } from '../../src/scheduler/inspect.ts';
import { CELL, CONFIGURATION_FILE, configurationText, DAEMONS, LIMITS } from './configuration.ts';
import { FleetDaemon, type Preload } from './daemon.ts';
import { Load } from './load.ts';
import { Oracle } from './oracle.ts';
import { startStore, type Store, type StoreWish } from './store.ts';

export interface StageOptions {
  readonly requests: number;
  readonly seed: number;
  readonly store: StoreWish;
  readonly preload: Preload | undefined;
  readonly withJobs: boolean;
  readonly signal: AbortSignal;
}

const ADMIN_TIMEOUT_MS = 15_000;
const UNTIL_TIMEOUT_MS = 20_000;
const STEP_MS = 10;

export class Stage implements AsyncDisposable {
  readonly store: Store;
  /** Straight to the server that holds the cell, past all links. */
  readonly admin: Redis;
  readonly sim: Simulator;
  readonly oracle: Oracle;
  readonly daemons: readonly FleetDaemon[];
  readonly load: Load;
  readonly signal: AbortSignal;
  /** For the fault alone. */
  readonly random: Random;
  /** The daemon that a fault hurts where it hurts one. */
  readonly victim: FleetDaemon;
  /** What faults have found to be wrong by themselves. */
  readonly complaints: string[] = [];
  /** What faults have measured by themselves, for the bars. */
  readonly measured: Record<string, number> = {};
  /** Requests of which the store may not know, or not any more: no more may be in excess, or unpaid. */
  forgotten: number | undefined;
  readonly #directory: string;
  readonly #cleanup: Cleanup;

  private constructor(parts: Parts, options: StageOptions) {
    const { store, admin, sim, daemons, cleanup, directory } = parts;
    const { requests, seed, signal } = options;
    this.store = store;
    this.admin = admin;
    this.sim = sim;
    this.oracle = new Oracle(sim);
    this.#directory = directory;
    this.daemons = daemons;
    this.signal = signal;
    this.random = seededRandom(seed + 2);
    this.victim = daemons[integerBetween(this.random, 0, DAEMONS - 1)]!;
    const urlOf = (daemon: number): string => daemons[daemon]!.url;
    this.load = new Load({ requests, seed, urlOf, signal });
    this.#cleanup = cleanup;
  }

  /** Resolves when all daemons serve; rejects with nothing left running. */
  static async build(options: StageOptions): Promise<Stage> {
    const cleanup = new Cleanup();
    try {
      return new Stage(await buildParts(options, cleanup), options);
    } catch (error) {
      await cleanup.run().catch(() => undefined);
      throw error;
    }
  }

  /** Rejects when the run is broken off. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal });
  }

  /** Waits for what a fault depends on; rejects with `what` when it does not come. */
  async until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + UNTIL_TIMEOUT_MS;
    while (!(await check())) {
      if (performance.now() > deadline) throw new Error(`it did not come to it that ${what}`);
      await this.pause(STEP_MS);
    }
  }

  /** Does `act` every so often for so long. */
  async repeat(
    { everyMs, forMs }: { readonly everyMs: number; readonly forMs: number },
    act: () => unknown,
  ): Promise<void> {
    const endsAt = performance.now() + forMs;
    while (performance.now() < endsAt) {
      await act();
      await this.pause(everyMs);
    }
  }

  /** Puts another configuration in place of the one of all daemons; nobody is told. */
  async configure(limits: Readonly<Record<string, number>>): Promise<void> {
    const path = join(this.#directory, CONFIGURATION_FILE);
    await writeFile(`${path}.new`, configurationText({ redis: this.store.settings, limits }));
    await rename(`${path}.new`, path);
  }

  /** What the store counts: it steers faults, and judges nothing. */
  async counters(): Promise<Counters> {
    const { keyStyle } = this.store;
    return await readCounters({ redis: this.admin, cell: CELL, keyStyle });
  }

  /** What must be so, beside what all faults must leave. */
  demand(isSo: boolean, what: string): void {
    if (!isSo) this.complaints.push(what);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.run();
  }
}

interface Parts {
  readonly directory: string;
  readonly store: Store;
  readonly admin: Redis;
  readonly sim: Simulator;
  readonly daemons: readonly FleetDaemon[];
  readonly cleanup: Cleanup;
}

async function buildParts(options: StageOptions, cleanup: Cleanup): Promise<Parts> {
  const { seed, store: wish, preload, withJobs } = options;
  const directory = await mkdtemp(join(tmpdir(), 'sk-chaos-'));
  const removeAtExit = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeAtExit);
  cleanup.add(async () => {
    process.off('exit', removeAtExit);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  });
  const store = await startStore(wish, directory);
  cleanup.add(() => store.stop());
  const admin = await connectRedis(store.location, { timeoutMs: ADMIN_TIMEOUT_MS, name: 'chaos' });
  cleanup.add(() => admin.disconnect());
  const sim = await startSimulator({ limits: LIMITS, seed });
  cleanup.add(() => sim.stop());
  const text = configurationText({ redis: store.settings, withJobs });
  await writeFile(join(directory, CONFIGURATION_FILE), text);
  const daemons = await Promise.all(
    Array.from({ length: DAEMONS }, (_, index) => {
      const urls = { redisUrl: store.linkTo, upstreamUrl: sim.url };
      return FleetDaemon.prepare({ index, directory, preload, ...urls });
    }),
  );
  cleanup.add(async () => {
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
  });
  await Promise.all(daemons.map((daemon) => daemon.start()));
  return { directory, store, admin, sim, daemons, cleanup };
}
