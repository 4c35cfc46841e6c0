// Deferred jobs in the store (lua/deferral.lua): every change of where a job is, and what is read of
// them. It knows no BullMQ but the names of its keys, and keeps nothing in memory.
import type { Redis } from 'ioredis';
import type { DeferralConfig } from '../config/deferral-schema.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import {
  deferralKeys,
  deferralScriptKeys,
  stageKeys,
  type DeferralKeys,
} from '../redis/deferral-keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { Gathered } from './gathered.ts';
import type { JobOutcome } from './job.ts';
import { readOutcome, readRecord, viewOf } from './record.ts';
import type { Ending, JobRecord, JobView } from './record.ts';

export interface StoreOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly config: DeferralConfig;
  /** Ms since 1970 for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

/** A record before the store has said when it is. */
export interface NewRecord extends Pick<JobRecord, 'stage' | 'tenant' | 'slot'> {
  readonly reason?: string | undefined;
  readonly key?: string | undefined;
  readonly batch?: string | undefined;
  readonly line?: string | undefined;
  readonly webhook?: string | undefined;
  readonly deferrals: number;
  readonly delayMs: number;
  readonly lifeMs: number;
}

export interface Submitted {
  readonly kind: 'parked' | 'known' | 'full';
  readonly id: string;
}

export interface Beat {
  readonly nowMs: number;
  /** When something happens by itself next; undefined where nothing is known to. */
  readonly nextAtMs: number | undefined;
  /** There is more to do at once. */
  readonly more: boolean;
  /** Of the jobs that the daemon runs, those that are nobody's to run any more. */
  readonly toStop: readonly string[];
}

interface End {
  readonly id: string;
  readonly ending: Ending;
}

export interface Drain {
  readonly number: number;
  readonly count: number;
}

/** What is asked in one turn of the loop: bounded, because outcomes may have megabytes each. */
const LOOKS_AT_ONCE = 200;
const ENDS_AT_ONCE = 16;

const DRAIN_KINDS = [
  'total',
  'answered',
  'failed',
  'expired',
  'cancelled',
  'deferred',
  'dead',
] as const;

/** What became of the jobs of a drain; those that are not counted yet run, or wait for their turn. */
export type DrainProgress = Readonly<Record<(typeof DRAIN_KINDS)[number], number>>;

type Entry = 'submit' | 'finish' | 'defer' | 'fail' | 'beat' | 'drain' | 'retry' | 'forget';

/** Every method rejects as the store does. */
export class DeferralStore {
  readonly keys: DeferralKeys;
  readonly #options: StoreOptions;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  readonly #stages: string;
  readonly #looks: Gathered<string, JobView | undefined>;
  readonly #ends: Gathered<End, JobOutcome | undefined>;

  constructor(options: StoreOptions) {
    this.#options = options;
    const { cell, config } = options;
    this.keys = deferralKeys(cell);
    this.#script = loadScripts().deferral;
    const stages = Object.keys(config.stages);
    this.#bound = bindKeys(
      this.#script,
      deferralScriptKeys(this.keys),
      stageKeys(this.keys, stages),
    );
    const lines = Object.entries(config.stages).map(([name, { weight }]) => `${name}\t${weight}`);
    this.#stages = lines.join('\n');
    this.#looks = new Gathered({ most: LOOKS_AT_ONCE, call: (ids) => this.#look(ids) });
    this.#ends = new Gathered({ most: ENDS_AT_ONCE, call: (ends) => this.#finish(ends) });
  }

  /** The same over another connection. */
  over(redis: Redis): DeferralStore {
    return new DeferralStore({ ...this.#options, redis });
  }

  /** In the order of `jobs`; each is taken or not by itself. */
  async submit(
    jobs: readonly { readonly id: string; readonly record: NewRecord }[],
  ): Promise<{ readonly nowMs: number; readonly submitted: readonly Submitted[] }> {
    const texts = jobs.flatMap(({ id, record }) => {
      return [id, JSON.stringify({ ...record, failures: 0, stalls: 0 })];
    });
    const [now, ...rest] = await this.#call('submit', [jobs.length], texts);
    const submitted = jobs.map((_, i) => ({
      kind: String(rest[2 * i]) as Submitted['kind'],
      id: String(rest[2 * i + 1]),
    }));
    return { nowMs: Number(now), submitted };
  }

  /** The first one is the one; undefined where there was one already, or no such job is there. */
  finish(id: string, ending: Ending): Promise<JobOutcome | undefined> {
    return this.#ends.ask({ id, ending });
  }

  /** `untried`: it was given back by a daemon that stops. Undefined where it is not out any more. */
  async defer(
    id: string,
    {
      reason = '',
      retryAfterMs = -1,
      untried = false,
    }: {
      readonly reason?: string;
      readonly retryAfterMs?: number | undefined;
      readonly untried?: boolean;
    },
  ): Promise<{ readonly dueAtMs: number; readonly deferrals: number } | undefined> {
    const numbers = [retryAfterMs, untried ? 1 : 0];
    const [tag, dueAtMs, deferrals] = await this.#call('defer', numbers, [id, reason]);
    if (String(tag) !== 'deferred') return undefined;
    return { dueAtMs: Number(dueAtMs), deferrals: Number(deferrals) };
  }

  /** `stalls`: of a job whose daemon died, how often that has been so. */
  async fail(
    id: string,
    { reason, stalls = -1 }: { readonly reason: string; readonly stalls?: number },
  ): Promise<'again' | 'dead' | 'deferred' | 'gone'> {
    const [tag] = await this.#call('fail', [stalls], [id, reason]);
    return String(tag) as 'again' | 'dead' | 'deferred' | 'gone';
  }

  /** Says that a daemon works, and does what is due. `concurrency` 0: it stops. */
  async beat(
    daemon: string,
    { concurrency, running }: { readonly concurrency: number; readonly running: readonly string[] },
  ): Promise<Beat> {
    const member = `${daemon}\t${this.#options.config.concurrency}`;
    const numbers = [concurrency, running.length];
    const [now, next, more, ...toStop] = await this.#call('beat', numbers, [member, ...running]);
    return {
      nowMs: Number(now),
      nextAtMs: Number(next) < 0 ? undefined : Number(next),
      more: Number(more) === 1,
      toStop: toStop.map(String),
    };
  }

  async drain(stage: string, most: number): Promise<Drain> {
    const [number, count] = await this.#call('drain', [most], [stage]);
    return { number: Number(number), count: Number(count) };
  }

  /** How far a drain is; undefined where it is not one of the last few. */
  async progress(number: number): Promise<DrainProgress | undefined> {
    const fields = DRAIN_KINDS.map((kind) => `drain\t${number}\t${kind}`);
    const values = await this.#options.redis.hmget(this.keys.turns, ...fields);
    if (values[0] == null) return undefined;
    const counts = DRAIN_KINDS.map((kind, i) => [kind, Number(values[i] ?? 0)]);
    return Object.fromEntries(counts) as DrainProgress;
  }

  /** False where the job does not wait. */
  async retry(id: string): Promise<boolean> {
    const [tag] = await this.#call('retry', [], [id]);
    return String(tag) === 'done';
  }

  /** Deletes what is kept of a job that has ended. */
  async forget(id: string): Promise<boolean> {
    const [tag] = await this.#call('forget', [], [id]);
    return String(tag) === 'done';
  }

  /** As `find`, for a worker that was lent the job: a dead one counts as deferred. */
  look(id: string): Promise<JobView | undefined> {
    return this.#looks.ask(id);
  }

  async find(id: string): Promise<JobView | undefined> {
    const { redis } = this.#options;
    const { deferred, out: outKey, dead: deadKey } = this.keys;
    const [raw, out, dead] = await Promise.all([
      redis.hget(deferred, id),
      redis.zscore(outKey, id),
      redis.zscore(deadKey, id),
    ]);
    const record = readRecord(raw);
    return record && viewOf(id, record, { isOut: out !== null, isDead: dead !== null });
  }

  /** Undefined for a job that has not ended, or is not there. */
  async outcomeOf({ id, endedAtMs }: JobView): Promise<JobOutcome | undefined> {
    if (endedAtMs === undefined) return undefined;
    const raw = await this.#options.redis.hget(this.keys.outcomes, id);
    return readOutcome(raw, endedAtMs);
  }

  /** Whether no more jobs are taken; the submission itself decides. */
  async isFull(): Promise<boolean> {
    const { redis, config } = this.#options;
    const [all, ended] = await Promise.all([
      redis.hlen(this.keys.deferred),
      redis.zcard(this.keys.ended),
    ]);
    return all - ended >= config.maxDepth;
  }

  /** The id of the job that a tenant submitted under a key. */
  async idOf(tenant: string, key: string): Promise<string | undefined> {
    const id = await this.#options.redis.hget(this.keys.keys, `${tenant}\t${key}`);
    return id ?? undefined;
  }

  async #look(ids: readonly string[]): Promise<readonly (JobView | undefined)[]> {
    const [raws, outs] = await Promise.all([
      this.#options.redis.hmget(this.keys.deferred, ...ids),
      this.#options.redis.zmscore(this.keys.out, ...ids),
    ]);
    return ids.map((id, i) => {
      const record = readRecord(raws[i]);
      return record && viewOf(id, record, { isOut: outs[i] != null, isDead: false });
    });
  }

  async #finish(ends: readonly End[]): Promise<readonly (JobOutcome | undefined)[]> {
    const texts = ends.flatMap(({ id, ending }) => [id, ending.kind, JSON.stringify(ending)]);
    const [now, ...tags] = await this.#call('finish', [ends.length], texts);
    return ends.map(({ ending }, i) =>
      String(tags[i]) === 'ended' ? { ...ending, endedAtMs: Number(now) } : undefined,
    );
  }

  async #call(
    entry: Entry,
    numbers: readonly number[],
    texts: readonly string[],
  ): Promise<readonly unknown[]> {
    const { redis } = this.#options;
    const args = [this.#head(), this.#stages, packed(numbers), ...texts];
    return (await callScript(redis, this.#script, entry, this.#bound, args)) as readonly unknown[];
  }

  #head(): Buffer {
    const { config, clock } = this.#options;
    const { maxDepth, retentionMs, maxKept, retryAfterMs, backoffFactor } = config;
    const { maxRetryAfterMs, maxFailures } = config;
    const bounds = [maxDepth, retentionMs, maxKept, retryAfterMs, backoffFactor];
    return packed([clock?.() ?? -1, ...bounds, maxRetryAfterMs, maxFailures]);
  }
}

function packed(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length);
  numbers.forEach((number, i) => bytes.writeDoubleLE(number, 8 * i));
  return bytes;
}
