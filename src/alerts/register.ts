// The register of alerts in the store (lua/alerts.lua): which fire, since when, and which
// destinations have been told. It decides nothing about sending and keeps nothing in memory.
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { AssembledScript } from '../redis/assemble.ts';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { SEVERITIES, type Alert, type AlertState } from './alert.ts';

const settled = z.object({
  state: z.enum(['firing', 'resolved']),
  result: z.enum(['sent', 'given_up']),
  atMs: z.number(),
});

const stored = z.object({
  episode: z.number(),
  state: z.enum(['firing', 'resolved']),
  sinceMs: z.number(),
  endedMs: z.number().optional(),
  untilMs: z.number().optional(),
  alert: z.object({
    name: z.string(),
    severity: z.enum(SEVERITIES),
    labels: z.record(z.string(), z.string()).catch({}),
    summary: z.string(),
    runbook: z.string(),
  }),
  told: z.record(z.string(), z.unknown()),
});

/** What became of the last notice that a destination was to get. */
export type Settled = Readonly<z.infer<typeof settled>>;

export interface AlertRecord extends Readonly<Omit<z.infer<typeof stored>, 'told'>> {
  readonly fingerprint: string;
  /** By destination, of this episode. */
  readonly told: ReadonlyMap<string, Settled>;
}

export type RaiseResult =
  | { readonly kind: 'raised'; readonly episode: number; readonly nowMs: number }
  /** It fires already; an incident fires longer now. */
  | { readonly kind: 'known' }
  /** There is no room for another alert. */
  | { readonly kind: 'full' };

export type ResolveResult =
  | { readonly kind: 'resolved'; readonly episode: number; readonly endedMs: number }
  | { readonly kind: 'nothing' };

export interface RegisterOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly maxAlerts: number;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

type Verb = 'raise' | 'resolve' | 'settle' | 'forget' | 'claim';

/** Every method rejects as the store does. */
export class Register {
  readonly #options: RegisterOptions;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  readonly #key: string;

  constructor(options: RegisterOptions) {
    this.#options = options;
    this.#script = loadScripts().alerts;
    this.#key = cellKeys(options.cell, options.keyStyle).alerts;
    this.#bound = bindKeys(this.#script, { alerts: this.#key });
  }

  /** `lastsMs`: of an incident, how long it fires after this; undefined: until it is resolved. */
  async raise(fingerprint: string, alert: Alert, lastsMs?: number): Promise<RaiseResult> {
    const text = JSON.stringify(alert);
    const [tag, episode, nowMs] = await this.#call('raise', fingerprint, lastsMs ?? -1, text);
    if (tag === 'raised') return { kind: 'raised', episode: Number(episode), nowMs: Number(nowMs) };
    return { kind: tag === 'full' ? 'full' : 'known' };
  }

  /** `beforeMs`: only where it began to fire before this cell time. */
  async resolve(fingerprint: string, beforeMs = Infinity): Promise<ResolveResult> {
    const [tag, episode, endedMs] = await this.#call('resolve', fingerprint, beforeMs);
    if (tag !== 'resolved') return { kind: 'nothing' };
    return { kind: 'resolved', episode: Number(episode), endedMs: Number(endedMs) };
  }

  /** Nothing where a later episode has begun. */
  async settle(
    { fingerprint, episode }: Pick<AlertRecord, 'fingerprint' | 'episode'>,
    destination: string,
    { state, result }: { readonly state: AlertState; readonly result: Settled['result'] },
  ): Promise<void> {
    const told = [destination, state, result].join('\t');
    await this.#call('settle', fingerprint, episode, told);
  }

  async forget({
    fingerprint,
    episode,
  }: Pick<AlertRecord, 'fingerprint' | 'episode'>): Promise<void> {
    await this.#call('forget', fingerprint, episode);
  }

  /** True for one caller an interval, in the whole fleet. */
  async claim(intervalMs: number): Promise<boolean> {
    const [tag] = await this.#call('claim', '', intervalMs);
    return tag === 'done';
  }

  async find(fingerprint: string): Promise<AlertRecord | undefined> {
    return readRecord(fingerprint, await this.#options.redis.hget(this.#key, fingerprint));
  }

  /** In the order in which they began. Records that cannot be read are left out. */
  async all(): Promise<readonly AlertRecord[]> {
    const all = await this.#options.redis.hgetall(this.#key);
    return Object.entries(all)
      .flatMap(([fingerprint, raw]) => readRecord(fingerprint, raw) ?? [])
      .sort((a, b) => a.sinceMs - b.sinceMs);
  }

  /** Cell time in ms. */
  async now(): Promise<number> {
    const { redis, clock } = this.#options;
    if (clock !== undefined) return clock();
    const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
    return seconds * 1000 + Math.floor(micros / 1000);
  }

  async #call(
    verb: Verb,
    fingerprint: string,
    number: number,
    text = '',
  ): Promise<readonly [string, ...unknown[]]> {
    const { redis, maxAlerts, clock } = this.#options;
    const head = Buffer.alloc(24);
    head.writeDoubleLE(maxAlerts, 0);
    head.writeDoubleLE(clock?.() ?? -1, 8);
    head.writeDoubleLE(number, 16);
    const args = [head, verb, fingerprint, text];
    const reply = await callScript(redis, this.#script, 'alerts', this.#bound, args);
    const [tag, ...rest] = reply as [Buffer, ...unknown[]];
    return [tag.toString(), ...rest];
  }
}

function readRecord(fingerprint: string, raw: string | null): AlertRecord | undefined {
  if (raw?.startsWith('{') !== true) return undefined;
  const record = stored.safeParse(parsed(raw));
  if (!record.success) return undefined;
  const told = Object.entries(record.data.told).flatMap(([destination, value]) => {
    const one = settled.safeParse(value);
    return one.success ? [[destination, one.data] as const] : [];
  });
  return { ...record.data, fingerprint, told: new Map(told) };
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}
