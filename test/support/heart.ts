// A driver of lua/tick.lua with a clock of its own: registers accounts, sends batches, reads answers
// back into words and the stored structures into values. Nothing runs by itself: each send is one
// call of the script, at the time that the test has set.
import type { Redis } from 'ioredis';
import type { Outcome, Target } from '../../src/core/domain.ts';
import { cellKeys, type CellKeys } from '../../src/redis/keys.ts';
import { callScript } from '../../src/redis/script.ts';
import { loadScripts, type Scripts } from '../../src/redis/scripts.ts';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';
import type { AdmissionPolicy } from '../../src/scheduler/admission.ts';
import { CellRegistry } from '../../src/scheduler/registry.ts';
import type { CellView } from '../../src/scheduler/registry.ts';
import { decodeAnswer, decodeReply } from '../../src/scheduler/replies.ts';
import { encodeHead, type Head } from '../../src/scheduler/head.ts';
import { claimOf, demandOf, encodeBatch } from '../../src/scheduler/wire.ts';
import type { TickReport } from '../../src/scheduler/replies.ts';
import type { EncodedBatch, Operation, SessionWish } from '../../src/scheduler/wire.ts';
import { decodeNotices, type Notice } from '../../src/scheduler/notices.ts';
import type { TestRedis } from './redis.ts';
import { inWords } from './told.ts';
import type { Told } from './told.ts';

export type { Told } from './told.ts';

/** Words of a call behind its keys, before the ids. */
export const TICK_WORDS = loadScripts().tick.header.args.length;

export const GPT4: Target = { pool: 'openai', model: 'gpt-4' };

export interface AccountWish {
  readonly name?: string;
  readonly pool?: string;
  readonly slots?: number;
  readonly weight?: number;
  readonly tier?: number;
  readonly enabled?: boolean;
  readonly models?: readonly string[];
}

/** Account `a1` of pool `openai` with one slot for `gpt-4`, unless told otherwise. */
export function anAccount(wish: AccountWish = {}): SchedulerAccount {
  const { name = 'a1', pool = 'openai', slots = 1, weight = 1, tier = 0, enabled = true } = wish;
  const { models = ['gpt-4'] } = wish;
  return { name, pool, maxConcurrency: slots, weight, priority: tier, enabled, models };
}

export interface AcquireWish {
  readonly targets?: readonly Target[];
  readonly leaseMs?: number;
  readonly holder?: string;
  readonly isFresh?: boolean;
  readonly tokens?: number;
  readonly reserveMicro?: number;
  readonly waitMs?: number;
  readonly priority?: number;
  readonly arrivedAt?: number;
  readonly session?: SessionWish;
}

/** An acquire for `gpt-4` of `openai`, for 100 ms. Ids are "tenant/id". */
export function acquire(id: string, wish: AcquireWish = {}): Operation {
  const { targets = [GPT4], leaseMs = 100, holder = 'holder', isFresh = false, ...more } = wish;
  const demand = demandOf(targets);
  const claim = claimOf(holder, demand, leaseMs);
  return { kind: 'acquire', id, demand, leaseMs, claim, isFresh, ...more };
}

export function renew(id: string, fence: number, leaseMs = 100): Operation {
  return { kind: 'renew', id, fence, leaseMs };
}

export function release(id: string, fence: number, outcome: Outcome = 'success'): Operation {
  return { kind: 'release', id, fence, outcome };
}

export const cancel = (id: string): Operation => ({ kind: 'cancel', id });
export const check = (id: string): Operation => ({ kind: 'check', id });
export const reap = (): Operation => ({ kind: 'reap', id: '' });

export interface RegisterWish {
  readonly fence: number;
  readonly account?: string;
  readonly target?: Target;
  readonly leaseMs?: number;
  readonly holder?: string;
}

/** A holder brings a lease back under the claim that acquire() would have made. */
export function register(id: string, wish: RegisterWish): Operation {
  const { fence, account = 'a1', target = GPT4, leaseMs = 100, holder = 'holder' } = wish;
  const claim = claimOf(holder, demandOf([target]), leaseMs);
  const holding = `${account}\t${target.pool}\t${target.model}`;
  return { kind: 'register', id, fence, leaseMs, claim, holding };
}

/** What a daemon says beside its operations; by default what a healthy one would. */
export type HeadWish = Partial<Head> & {
  readonly daemon?: string;
  readonly server?: string;
  readonly entry?: 'tick' | 'tick_oom';
};

export type Reply =
  | { readonly kind: 'ok'; readonly report: TickReport; readonly told: readonly Told[] }
  | { readonly kind: 'stale' | 'unconfigured' | 'outdated' }
  | { readonly kind: 'layout'; readonly layout: number };

const FOREVER_MS = 1e12;

export interface HeartOptions {
  readonly cell: string;
  /** Daemon of its batches. */
  readonly daemon?: string;
  /** Passed on when the cell is made: nothing is granted for so long. */
  readonly recoveryMs?: number;
  readonly server?: string;
}

export class Heart {
  readonly redis: Redis;
  readonly cell: string;
  readonly keys: CellKeys;
  readonly scripts: Scripts;
  /** Cell time of the next call, and what its head says beside. */
  now = 0;
  settings: Partial<Head> = {};
  /** The last pair that was seen, as a daemon would send it. */
  incarnation = 0;
  sequence = 0;
  readonly server: string;
  readonly daemon: string;
  readonly #registry: CellRegistry;
  #view: CellView | undefined;
  #batches = 0;

  constructor(redis: Redis, options: HeartOptions) {
    const { cell, recoveryMs = 0, server = 'server-1', daemon = 'daemon-1' } = options;
    this.redis = redis;
    this.daemon = daemon;
    this.cell = cell;
    this.server = server;
    this.keys = cellKeys(cell, 'plain');
    this.scripts = loadScripts();
    const { keys, scripts } = this;
    const clock = (): number => this.now;
    const isAlone = recoveryMs === 0;
    this.#registry = new CellRegistry({ redis, keys, scripts, recoveryMs, isAlone, clock });
  }

  get view(): CellView {
    if (this.#view === undefined) throw new Error('configure() comes first');
    return this.#view;
  }

  async configure(
    accounts: readonly SchedulerAccount[],
    admission?: AdmissionPolicy,
  ): Promise<void> {
    const { incarnation, server } = this;
    this.#view = await this.#registry.apply(accounts, { incarnation, server }, admission);
  }

  /** Uses the registry of another heart on the same cell. */
  async adopt(): Promise<void> {
    this.#view = await this.#registry.read();
  }

  /** Sends one batch and expects it to be executed. */
  async send(...ops: readonly Operation[]): Promise<readonly Told[]> {
    const reply = await this.call(ops);
    if (reply.kind !== 'ok') throw new Error(`the batch was not executed: ${reply.kind}`);
    return reply.told;
  }

  /** Sends one operation. */
  async ask(op: Operation): Promise<Told> {
    const [told] = await this.send(op);
    return told!;
  }

  /** Takes a slot that must be free; returns its fence. */
  async take(id: string, wish: AcquireWish = {}): Promise<number> {
    const { tag, fence } = await this.ask(acquire(id, wish));
    if (tag !== 'granted' || fence === undefined) throw new Error(`${id} was not granted: ${tag}`);
    return fence;
  }

  /** Sends a batch and returns what the reply tells this daemon's waiters, by id. */
  async news(...ops: readonly Operation[]): Promise<Readonly<Record<string, Told>>> {
    const reply = await this.call(ops);
    if (reply.kind !== 'ok') throw new Error(`the batch was not executed: ${reply.kind}`);
    return this.told(reply.report.notices);
  }

  /** Notices in words, by id. */
  told(raw: Buffer): Readonly<Record<string, Told>> {
    return this.inWords(decodeNotices(raw));
  }

  inWords(notices: readonly Notice[]): Readonly<Record<string, Told>> {
    return Object.fromEntries(notices.map(({ id, answer }) => [id, inWords(answer, this.view)]));
  }

  async call(ops: readonly Operation[], wish: HeadWish = {}): Promise<Reply> {
    return await this.callRaw(encodeBatch(ops), wish);
  }

  /** The same for bytes that no encoder would make. */
  async callRaw(batch: EncodedBatch, wish: HeadWish = {}): Promise<Reply> {
    const { daemon = this.daemon, server = this.server, entry = 'tick', ...head } = wish;
    this.#batches += 1;
    const raw = encodeHead({
      generation: this.view.registry.generation,
      incarnation: this.incarnation,
      sequence: this.sequence,
      batch: this.#batches,
      track: 0,
      clockMs: this.now,
      gapMs: FOREVER_MS,
      recoveryMs: 0,
      rememberMs: 1000,
      rememberMax: 1000,
      maxWaiting: 1000,
      ...{ sessionMs: 10_000, maxSessions: 1000, preferMs: 0, ...this.settings },
      ...head,
    });
    const { demands, holdings, spends, excludes, sessions, operations, ids } = batch;
    const lines = [demands, holdings, spends, excludes, sessions];
    const args = [raw, daemon, server, ...lines, operations, ...ids];
    const { tick } = this.scripts;
    const reply = decodeReply(await callScript(this.redis, tick, entry, this.view.bound, args));
    if (reply.kind !== 'ok') return reply;
    const { report } = reply;
    this.incarnation = report.incarnation;
    this.sequence = report.sequence;
    return { ...reply, told: ids.map((_, i) => this.#tell(report.answers, i)) };
  }

  #tell(answers: Buffer, number: number): Told {
    return inWords(decodeAnswer(answers, number), this.view);
  }
}

/** A heart on a new cell with these accounts, at time 0. */
export async function aHeart(
  store: TestRedis,
  accounts: readonly SchedulerAccount[],
  options: Partial<HeartOptions> & { readonly admission?: AdmissionPolicy } = {},
): Promise<Heart> {
  const heart = new Heart(store.redis, { cell: store.cell(), ...options });
  await heart.configure(accounts, options.admission);
  return heart;
}
