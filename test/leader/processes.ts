// One seeded run of electors in real processes on a Redis of their own, by the clock of the wall:
// kill -9, SIGSTOP and SIGCONT, clean stops, FLUSHALL, and kill -9 of the Redis with and without an
// append-only file. The processes note what they believe; this judges it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis } from '../../src/redis/connection.ts';
import { startEmbeddedRedis, type RedisServer } from '../../src/redis/embedded.ts';
import { integerBetween, seededRandom, type Random } from '../../src/sim/random.ts';
import { overlaps, tenancies, type Belief, type ProgramOptions } from './beliefs.ts';
import { lateWrites, Notes } from './notes.ts';

export interface ProcessFindings {
  readonly seed: number;
  readonly overlaps: readonly string[];
  readonly lateWrites: readonly string[];
  readonly terms: number;
  readonly faults: Readonly<Record<string, number>>;
}

export interface ProcessRunOptions {
  readonly seed: number;
  /** An empty directory with a short path. */
  readonly directory: string;
  readonly server?: RedisServer | undefined;
}

const ROOT = resolve(import.meta.dirname, '../..');
const PROGRAM = resolve(import.meta.dirname, 'program.ts');
const DAEMONS = 3;
const LIFE_MS = 900;
const FAULTS = 8;
const START_MS = 30_000;
const STORES = [
  { persistence: 'append-only', settings: { appendfsync: 'always' } },
  { persistence: 'append-only', settings: { appendfsync: 'everysec' } },
  { persistence: 'none', settings: {} },
] as const;

class Fleet {
  readonly killed = new Map<string, number>();
  readonly faults: Record<string, number> = {};
  readonly #options: Omit<ProgramOptions, 'holder'>;
  readonly #random: Random;
  readonly #running = new Map<string, ChildProcess>();
  readonly #resuming: Promise<void>[] = [];
  #born = 0;

  constructor(options: Omit<ProgramOptions, 'holder'>, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  start(): void {
    this.#born += 1;
    const holder = `p${this.#born}`;
    const words = JSON.stringify({ ...this.#options, holder });
    const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, words], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#running.set(holder, child);
    child.once('exit', () => this.#running.delete(holder));
  }

  beliefs(): readonly Belief[] {
    const { file } = this.#options;
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n');
    // The last line may have been cut off by a kill.
    return lines.flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Belief] : []));
  }

  async ready(): Promise<void> {
    const deadline = performance.now() + START_MS;
    while (this.beliefs().filter(({ kind }) => kind === 'ready').length < DAEMONS) {
      if (performance.now() > deadline) throw new Error('the processes did not start');
      await sleep(20);
    }
  }

  /** The latest leader, half of the times. */
  #victim(): readonly [string, ChildProcess] | undefined {
    const latest = this.beliefs().findLast(({ kind }) => kind === 'leads')?.holder ?? '';
    const leader = this.#running.get(latest);
    if (leader !== undefined && this.#random() < 0.5) return [latest, leader];
    const all = [...this.#running];
    return all[integerBetween(this.#random, 0, all.length - 1)];
  }

  kill(): void {
    const [holder, child] = this.#victim() ?? [];
    if (holder === undefined || child === undefined) return;
    this.note('kill -9');
    child.kill('SIGKILL');
    this.killed.set(holder, Number(process.hrtime.bigint()) / 1e6);
    this.start();
  }

  pause(): void {
    const child = this.#victim()?.[1];
    if (child === undefined) return;
    this.note('SIGSTOP');
    child.kill('SIGSTOP');
    const ms = integerBetween(this.#random, 100, 3 * LIFE_MS);
    this.#resuming.push(sleep(ms).then(() => void child.kill('SIGCONT')));
  }

  leave(): void {
    const child = this.#victim()?.[1];
    if (child === undefined) return;
    this.note('SIGTERM');
    child.kill('SIGTERM');
    this.start();
  }

  note(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  async end(): Promise<void> {
    await Promise.all(this.#resuming);
    const ends = [...this.#running.values()].map((child) => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      // One that was only being started has not heard that.
      const impatient = setTimeout(() => child.kill('SIGKILL'), 5000);
      return ended.then(() => clearTimeout(impatient));
    });
    await Promise.all(ends);
  }
}

export async function runProcesses(options: ProcessRunOptions): Promise<ProcessFindings> {
  const { seed, directory, server } = options;
  const random = seededRandom(seed);
  const store = STORES[seed % STORES.length]!;
  const redis = await startEmbeddedRedis({ dataDir: join(directory, 'redis'), server, ...store });
  const client = await connectRedis(redis.url, { timeoutMs: 5000, name: 'judge' });
  const file = join(directory, 'beliefs.jsonl');
  const fleet = new Fleet({ url: redis.url, cell: `p${seed}`, lifeMs: LIFE_MS, file }, random);
  const faults: readonly (() => unknown)[] = [
    ...[() => fleet.kill(), () => fleet.kill(), () => fleet.pause(), () => fleet.pause()],
    ...[() => fleet.pause(), () => fleet.leave()],
    () => {
      fleet.note(`kill -9 of Redis, ${store.persistence}`);
      if (redis.pid !== undefined) process.kill(redis.pid, 'SIGKILL');
    },
    async () => {
      fleet.note('FLUSHALL');
      await client.flushall().catch(() => undefined);
    },
  ];
  try {
    for (let n = 0; n < DAEMONS; n += 1) fleet.start();
    await fleet.ready();
    await sleep(2 * LIFE_MS);
    for (let n = 0; n < FAULTS; n += 1) {
      await faults[integerBetween(random, 0, faults.length - 1)]!();
      await sleep(integerBetween(random, 50, LIFE_MS));
    }
    await sleep(2 * LIFE_MS);
    await fleet.end();
    const notes = await new Notes(client, `p${seed}`).all();
    const all = tenancies(fleet.beliefs(), fleet.killed);
    const found = { overlaps: overlaps(all), lateWrites: lateWrites(notes), terms: all.length };
    return { seed, ...found, faults: fleet.faults };
  } finally {
    await fleet.end();
    client.disconnect();
    await redis.stop();
  }
}
