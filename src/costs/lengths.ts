// How long answers are and how much of their input was cached, by tenant, route and model, as all
// daemons have seen it: each tells what it has seen once a second, in one call, and hears what has
// changed (lua/lengths.lua). Nobody is asked at a request. What is old counts less and less.
import type { Redis } from 'ioredis';
import type { EstimatesConfig } from '../config/estimates-schema.ts';
import type { Service } from '../core/service.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { Teller } from '../redis/teller.ts';
import type { Learned } from './estimate-v2.ts';
import {
  bucketOf,
  lengthAt,
  noLengths,
  packLengths,
  readLengths,
  type LengthRecord,
  type LengthSums,
} from './length-records.ts';

export interface LengthsOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** As in force. */
  readonly config: () => Pick<
    EstimatesConfig,
    'outputQuantile' | 'halfLifeMs' | 'minSamples' | 'maxLearned'
  >;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: () => number;
}

/** Whose requests. Names without tabs. */
export interface LengthsOf {
  readonly tenant: string;
  readonly route: string;
  readonly model: string;
}

/** What one request came to. */
export interface SeenLength {
  /** Of each of its answers; undefined where it asked for none. */
  readonly outputTokens: number | undefined;
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
}

/** Nobody has asked for so long: the store is left alone. */
const UNUSED_MS = 60_000;
/** What a call carries and brings at most: the rest waits for the next one. */
const MOST_SAMPLES = 300;
const MOST_CHANGES = 300;
/** Beyond it what is seen is dropped: a store that is away must not fill the daemon. */
const MOST_WAITING = 3000;

export class Lengths implements Service {
  readonly #options: LengthsOptions;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  readonly #seen = new Map<string, LengthSums>();
  /** Those that changed last at the end. */
  readonly #records = new Map<string, LengthRecord>();
  /** Number of the last change that was heard of. */
  #heard = 0;
  #nowMs = 0;
  #usedAtMs = -Infinity;
  readonly #teller: Teller;

  constructor(options: LengthsOptions) {
    this.#options = options;
    this.#script = loadScripts().lengths;
    const { lengths, lengthsUsed } = cellKeys(options.cell, options.keyStyle);
    this.#bound = bindKeys(this.#script, { lengths, lengths_used: lengthsUsed });
    this.#teller = new Teller(
      () => this.tell(),
      () => this.#seen.size === 0 && performance.now() - this.#usedAtMs > UNUSED_MS,
    );
  }

  start(): Promise<void> {
    return this.#teller.start();
  }

  stop(): Promise<void> {
    return this.#teller.stop();
  }

  /** The most particular that has enough samples; what nobody has told of counts nothing. */
  find(of: LengthsOf): Learned {
    this.#usedAtMs = performance.now();
    const { outputQuantile, minSamples } = this.#options.config();
    const found = namesOf(of)
      .map((name) => this.#records.get(name))
      .filter((record) => record !== undefined);
    const enough = found.find((record) => this.#weightOf(record) >= minSamples);
    if (enough === undefined) return { outputTokens: undefined, cachedShare: 0 };
    const { inputTokens, cachedTokens } = enough;
    const cachedShare = inputTokens > 0 ? cachedTokens / inputTokens : 0;
    return { outputTokens: lengthAt(enough, outputQuantile), cachedShare };
  }

  /** One request has ended well and told its usage. */
  note(of: LengthsOf, { outputTokens, inputTokens, cachedInputTokens }: SeenLength): void {
    this.#usedAtMs = performance.now();
    for (const name of namesOf(of)) {
      let sums = this.#seen.get(name);
      if (sums === undefined) {
        if (this.#seen.size >= MOST_WAITING) return;
        this.#seen.set(name, (sums = noLengths()));
      }
      sums.inputTokens += inputTokens;
      sums.cachedTokens += cachedInputTokens;
      const bucket = bucketOf(outputTokens ?? 0);
      sums.buckets.set(bucket, (sums.buckets.get(bucket) ?? 0) + 1);
    }
  }

  /** Tells and hears, once. Rejects as the store does; what was to be told is gone then. */
  async tell(): Promise<void> {
    const { redis, clock, config } = this.#options;
    const { halfLifeMs, maxLearned } = config();
    const head = Buffer.alloc(40);
    [halfLifeMs, maxLearned, this.#heard, MOST_CHANGES, clock?.() ?? -1].forEach((value, i) => {
      head.writeDoubleLE(value, 8 * i);
    });
    const args = [head, this.#packed()];
    const reply = await callScript(redis, this.#script, 'lengths', this.#bound, args);
    const [nowMs, heard, ...changed] = reply as [number, number, ...Buffer[]];
    this.#nowMs = nowMs;
    this.#heard = heard;
    for (let i = 0; i + 1 < changed.length; i += 2)
      this.#learn(changed[i], changed[i + 1], maxLearned);
  }

  #learn(name: Buffer | undefined, bytes: Buffer | undefined, most: number): void {
    const record = bytes && readLengths(bytes);
    if (name === undefined || record === undefined) return;
    const key = name.toString();
    this.#records.delete(key);
    this.#records.set(key, record);
    const [oldest] = this.#records.keys();
    if (this.#records.size > most && oldest !== undefined) this.#records.delete(oldest);
  }

  #weightOf({ weight, atMs }: LengthRecord): number {
    const ageMs = Math.max(0, this.#nowMs - atMs);
    return weight * 2 ** (-ageMs / this.#options.config().halfLifeMs);
  }

  #packed(): Buffer {
    const parts: Buffer[] = [];
    for (const [name, sums] of this.#seen) {
      if (parts.length === 2 * MOST_SAMPLES) break;
      this.#seen.delete(name);
      parts.push(withLength(Buffer.from(name)), withLength(packLengths(sums)));
    }
    return Buffer.concat(parts);
  }
}

/** From the particular to the general. */
function namesOf({ tenant, route, model }: LengthsOf): readonly string[] {
  return [`${tenant}\t${route}\t${model}`, `\t${route}\t${model}`, `\t\t${model}`];
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(bytes.length);
  return Buffer.concat([length, bytes]);
}
