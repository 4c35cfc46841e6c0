// How fast accounts answer and how often they fail, shared by all daemons: each tells what it has
// seen once a second, in one call, and gets what all have seen (lua/speeds.lua). Nobody is asked at
// a request. What is old counts less and less, so that a slow account is tried again.
import type { Redis } from 'ioredis';
import type { Service } from '../core/service.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { Teller } from '../redis/teller.ts';

export interface SpeedsOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Whether anybody wants to know: without it the store is not called. */
  readonly isNeeded: () => boolean;
  /** Whether the configuration has an account of this name. */
  readonly isAccount: (name: string) => boolean;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: () => number;
}

export interface Speed {
  readonly firstByteMs: number;
  /** 0 to 1. */
  readonly failing: number;
  /** Ms since it was last told of. */
  readonly ageMs: number;
}

interface Sample {
  answered: number;
  ms: number;
  ended: number;
  failed: number;
}

/** Part of a mean that one request moves: about the last twenty count. */
const MOVE = 0.1;
/** An account that only fails counts as one that answers this late. */
const FAILING_MS = 10_000;
const HALF_LIFE_MS = 60_000;
const FORGET_MS = 3_600_000;
/** What a call carries at most: other accounts' samples wait for the next one. */
const MOST_SAMPLES = 500;

export class Speeds implements Service {
  readonly #options: SpeedsOptions;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  readonly #key: string;
  readonly #samples = new Map<string, Sample>();
  #speeds: ReadonlyMap<string, Speed> = new Map();
  readonly #teller: Teller;

  constructor(options: SpeedsOptions) {
    this.#options = options;
    const { cell, keyStyle } = options;
    this.#script = loadScripts().speeds;
    this.#key = cellKeys(cell, keyStyle).speeds;
    this.#bound = bindKeys(this.#script, { speeds: this.#key });
    this.#teller = new Teller(
      () => this.tell(),
      () => !options.isNeeded(),
    );
  }

  start(): Promise<void> {
    return this.#teller.start();
  }

  stop(): Promise<void> {
    return this.#teller.stop();
  }

  /** One attempt has ended. `firstByteMs` is undefined where no answer came. */
  note(account: string, seen: { readonly firstByteMs: number | undefined; failed: boolean }): void {
    if (!this.#options.isNeeded()) return;
    let sample = this.#samples.get(account);
    if (sample === undefined) {
      sample = { answered: 0, ms: 0, ended: 0, failed: 0 };
      this.#samples.set(account, sample);
    }
    sample.ended += 1;
    if (seen.failed) sample.failed += 1;
    if (seen.firstByteMs === undefined) return;
    sample.answered += 1;
    sample.ms += seen.firstByteMs;
  }

  /** Lower is better; an account that nobody knows is worth a try. */
  scoreOf(account: string): number {
    const speed = this.#speeds.get(account);
    if (speed === undefined) return 0;
    const { firstByteMs, failing, ageMs } = speed;
    return (firstByteMs + failing * FAILING_MS) * 2 ** (-ageMs / HALF_LIFE_MS);
  }

  /** Tells and reads, once. Rejects as the store does; what was to be told is gone then. */
  async tell(): Promise<void> {
    const { redis, clock, isNeeded } = this.#options;
    if (!isNeeded()) return;
    const head = Buffer.alloc(16);
    head.writeDoubleLE(MOVE, 0);
    head.writeDoubleLE(clock?.() ?? -1, 8);
    const args = [head, this.#packed()];
    const nowMs = (await callScript(redis, this.#script, 'speeds', this.#bound, args)) as number;
    this.#speeds = readSpeeds(nowMs, await redis.hgetallBuffer(this.#key));
    await this.#forget();
  }

  /** Accounts that left the configuration, once no daemon has told of them for an hour. */
  async #forget(): Promise<void> {
    const { redis, isAccount } = this.#options;
    const gone = [...this.#speeds].filter(([account, { ageMs }]) => {
      return ageMs > FORGET_MS && !isAccount(account);
    });
    if (gone.length > 0) await redis.hdel(this.#key, ...gone.map(([account]) => account));
  }

  #packed(): Buffer {
    const parts: Buffer[] = [];
    for (const [account, { answered, ms, ended, failed }] of this.#samples) {
      if (parts.length === MOST_SAMPLES) break;
      this.#samples.delete(account);
      const name = Buffer.from(account);
      const record = Buffer.alloc(4 + name.length + 32);
      record.writeUInt16LE(name.length, 0);
      name.copy(record, 2);
      record.writeUInt16LE(32, 2 + name.length);
      [answered, ms, ended, failed].forEach((value, i) => {
        record.writeDoubleLE(value, 4 + name.length + 8 * i);
      });
      parts.push(record);
    }
    return Buffer.concat(parts);
  }
}

function readSpeeds(nowMs: number, records: Readonly<Record<string, Buffer>>): Map<string, Speed> {
  const speeds = new Map<string, Speed>();
  for (const [account, record] of Object.entries(records)) {
    if (record.length !== 24) continue;
    speeds.set(account, {
      firstByteMs: record.readDoubleLE(0),
      failing: record.readDoubleLE(8),
      ageMs: Math.max(0, nowMs - record.readDoubleLE(16)),
    });
  }
  return speeds;
}
