// The directory in Redis: tenants and keys that were created through the admin API, one entry a
// tenant, and a word that every change replaces. Errors of the store pass through as
// `store_unavailable`; what entries mean is entry.ts's matter.
import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import { AppError } from '../core/errors.ts';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';

export interface DirectorySource {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
}

/** All of the directory at one moment. */
export interface Snapshot {
  readonly version: string;
  /** By tenant, as they are stored. */
  readonly entries: ReadonlyMap<string, string>;
}

export interface Change {
  readonly tenant: string;
  /** What the entry is believed to be; undefined where there should be none. */
  readonly seen: string | undefined;
  /** What it becomes; undefined removes it. */
  readonly value: string | undefined;
}

export type ChangeResult = 'changed' | 'differs' | 'full';

export const NOTHING: Snapshot = { version: '', entries: new Map() };

/** Tenants with an entry. Each daemon holds all of them in memory. */
const MOST_ENTRIES = 10_000;
const PREFIX = 'tenant:';
const RETRY_AFTER_MS = 1000;

export class DirectoryStore {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  readonly #head = Buffer.alloc(8);

  constructor({ redis, cell, keyStyle }: DirectorySource) {
    const keys = cellKeys(cell, keyStyle);
    this.#redis = redis;
    this.#key = keys.directory;
    this.#script = loadScripts().directory;
    this.#bound = bindKeys(this.#script, { directory: keys.directory });
    this.#head.writeDoubleLE(MOST_ENTRIES, 0);
  }

  /** `known` itself where nothing has changed since. */
  async read(known: Snapshot): Promise<Snapshot> {
    return await this.#ask(async () => {
      const version = (await this.#redis.hget(this.#key, 'version')) ?? '';
      if (version === known.version) return known;
      // The version once more: entries of a later change must not go by the earlier one's word.
      const { version: current = '', ...fields } = await this.#redis.hgetall(this.#key);
      const entries = Object.entries(fields).flatMap(([field, text]) => {
        return field.startsWith(PREFIX) ? [[field.slice(PREFIX.length), text] as const] : [];
      });
      return { version: current, entries: new Map(entries) };
    });
  }

  /** Compare-and-set: `differs` when the entry is not what was seen, and nothing has changed. */
  async change({ tenant, seen = '', value = '' }: Change): Promise<ChangeResult> {
    const words = [this.#head, `${PREFIX}${tenant}`, seen, value, nanoid()];
    return await this.#ask(async () => {
      const reply = await callScript(this.#redis, this.#script, 'directory', this.#bound, words);
      return String((reply as readonly Buffer[])[0]) as ChangeResult;
    });
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const message = 'The store of tenants and keys does not answer; try again.';
      throw new AppError('store_unavailable', message, { retryAfterMs: RETRY_AFTER_MS, cause });
    }
  }
}
