// A few entries that all daemons of a cell share and keep in memory: a HASH of texts by name, and a
// word that every change replaces, so that asking for news costs next to nothing. Each change is a
// compare-and-set of one entry. What the texts mean is their owners' matter.
import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import { AppError } from '../core/errors.ts';
import type { AssembledScript } from './assemble.ts';
import { bindKeys, callScript, type BoundKeys } from './script.ts';
import { loadScripts } from './scripts.ts';

/** All of it at one moment. */
export interface Snapshot {
  readonly version: string;
  /** By name, as they are stored. */
  readonly entries: ReadonlyMap<string, string>;
}

export interface EntryChange {
  readonly name: string;
  /** What the entry is believed to be; undefined where there should be none. */
  readonly seen: string | undefined;
  /** What it becomes; undefined removes it. */
  readonly value: string | undefined;
}

export type ChangeResult = 'changed' | 'differs' | 'full';

export const NOTHING: Snapshot = { version: '', entries: new Map() };

export interface VersionedHashOptions {
  readonly redis: Redis;
  readonly key: string;
  /** What the names of its fields begin with. */
  readonly prefix: string;
  readonly mostEntries: number;
  /** Told to whoever asks while the store does not answer. */
  readonly unavailable: string;
}

const RETRY_AFTER_MS = 1000;

export class VersionedHash {
  readonly #options: VersionedHashOptions;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  readonly #head = Buffer.alloc(8);

  constructor(options: VersionedHashOptions) {
    this.#options = options;
    this.#script = loadScripts().directory;
    this.#bound = bindKeys(this.#script, { directory: options.key });
    this.#head.writeDoubleLE(options.mostEntries, 0);
  }

  /** `known` itself where nothing has changed since. Rejects with `store_unavailable`. */
  async read(known: Snapshot): Promise<Snapshot> {
    const { redis, key, prefix } = this.#options;
    return await this.#ask(async () => {
      const version = (await redis.hget(key, 'version')) ?? '';
      if (version === known.version) return known;
      // The version once more: entries of a later change must not go by the earlier one's word.
      const { version: current = '', ...fields } = await redis.hgetall(key);
      const entries = Object.entries(fields).flatMap(([field, text]) => {
        return field.startsWith(prefix) ? [[field.slice(prefix.length), text] as const] : [];
      });
      return { version: current, entries: new Map(entries) };
    });
  }

  /** `differs` when the entry is not what was seen, and nothing has changed. */
  async change({ name, seen = '', value = '' }: EntryChange): Promise<ChangeResult> {
    const { redis, prefix } = this.#options;
    const words = [this.#head, `${prefix}${name}`, seen, value, nanoid()];
    return await this.#ask(async () => {
      const reply = await callScript(redis, this.#script, 'directory', this.#bound, words);
      return String((reply as readonly Buffer[])[0]) as ChangeResult;
    });
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const { unavailable } = this.#options;
      throw new AppError('store_unavailable', unavailable, { retryAfterMs: RETRY_AFTER_MS, cause });
    }
  }
}
