// What the arms of rollouts came to, over all daemons: each adds what it has seen once a second to
// one HASH a rollout. Figures to compare arms by, not to bill by: what could not be told is lost.
import type { Redis } from 'ioredis';
import type { Service } from '../core/service.ts';
import { cellKeys, type CellKeys, type KeyStyle } from '../redis/keys.ts';
import type { ChosenArm } from './rollouts.ts';

export interface ArmStatsOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
}

/** One request that has ended in its arms. */
export interface ArmEnding {
  readonly isError: boolean;
  readonly firstByteMs: number | undefined;
  readonly costMicro: number | undefined;
}

/** What accounts of an arm came to: their breakers tripped, or requests left them for others. */
export type AccountNote = 'trips' | 'left';

export interface ArmFigures {
  readonly requests: number;
  readonly errors: number;
  readonly costMicro: number;
  /** Of the upstream's first byte, within a bucket's width (a half); null where none came. */
  readonly firstByteMs: { readonly p50: number | null; readonly p95: number | null };
  /** Of arms of breaker settings, like `left`. */
  readonly trips: number;
  readonly left: number;
}

const TELL_MS = 1000;
const FORGET_MS = 30 * 86_400_000;
/** Upper bounds of the buckets: 5 ms, each half as much again, up to about ten minutes. */
const BOUNDS = Array.from({ length: 30 }, (_, i) => 5 * 1.5 ** i);

export class ArmStats implements Service {
  readonly #redis: Redis;
  readonly #keys: CellKeys;
  /** By rollout: what is to be added, by field. */
  #pending = new Map<string, Map<string, number>>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ redis, cell, keyStyle }: ArmStatsOptions) {
    this.#redis = redis;
    this.#keys = cellKeys(cell, keyStyle);
  }

  start(): Promise<void> {
    this.#timer = setInterval(() => void this.tell().catch(() => undefined), TELL_MS).unref();
    return Promise.resolve();
  }

  /** Tells what is left. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.tell().catch(() => undefined);
  }

  note(arms: readonly ChosenArm[], { isError, firstByteMs, costMicro }: ArmEnding): void {
    for (const { rollout, arm } of arms) {
      this.#add(rollout, `${arm}\trequests`, 1);
      if (isError) this.#add(rollout, `${arm}\terrors`, 1);
      if (costMicro !== undefined) this.#add(rollout, `${arm}\tcost`, costMicro);
      if (firstByteMs !== undefined) this.#add(rollout, `${arm}\t${bucketOf(firstByteMs)}`, 1);
    }
  }

  noteAccount({ rollout, arm }: ChosenArm, what: AccountNote): void {
    this.#add(rollout, `${arm}\t${what}`, 1);
  }

  /** Adds all that was noted. */
  async tell(): Promise<void> {
    const pending = this.#pending;
    if (pending.size === 0) return;
    this.#pending = new Map();
    const calls = this.#redis.pipeline();
    for (const [rollout, fields] of pending) {
      const key = this.#keys.rollout(rollout);
      for (const [field, count] of fields) calls.hincrby(key, field, Math.round(count));
      calls.pexpire(key, FORGET_MS);
    }
    await calls.exec();
  }

  async read(rollout: string, arm: string): Promise<ArmFigures> {
    const fields = await this.#redis.hgetall(this.#keys.rollout(rollout));
    const of = (what: string | number): number => Number(fields[`${arm}\t${what}`] ?? 0);
    const counts = [...BOUNDS.keys(), BOUNDS.length].map(of);
    return {
      requests: of('requests'),
      errors: of('errors'),
      costMicro: of('cost'),
      trips: of('trips'),
      left: of('left'),
      firstByteMs: { p50: quantile(counts, 0.5), p95: quantile(counts, 0.95) },
    };
  }

  #add(rollout: string, field: string, by: number): void {
    const fields = this.#pending.get(rollout) ?? new Map<string, number>();
    this.#pending.set(rollout, fields);
    fields.set(field, (fields.get(field) ?? 0) + by);
  }
}

function bucketOf(ms: number): number {
  const found = BOUNDS.findIndex((bound) => ms <= bound);
  return found < 0 ? BOUNDS.length : found;
}

/** Linear within its bucket. */
function quantile(counts: readonly number[], part: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = part * total;
  for (const [i, count] of counts.entries()) {
    if (count > 0 && left <= count) {
      const low = i === 0 ? 0 : (BOUNDS[i - 1] ?? 0);
      const high = BOUNDS[i] ?? low * 1.5;
      return Math.round(low + (high - low) * (left / count));
    }
    left -= count;
  }
  return null;
}
