// The directory in Redis: tenants and keys that were created through the admin API, one entry a
// tenant, and a word that every change replaces. Errors of the store pass through as
// `store_unavailable`; what entries mean is entry.ts's matter.
import type { Redis } from 'ioredis';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { VersionedHash, type ChangeResult, type Snapshot } from '../redis/versioned-hash.ts';

export { NOTHING, type Snapshot } from '../redis/versioned-hash.ts';

export interface DirectorySource {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
}

export interface Change {
  readonly tenant: string;
  /** What the entry is believed to be; undefined where there should be none. */
  readonly seen: string | undefined;
  /** What it becomes; undefined removes it. */
  readonly value: string | undefined;
}

/** Tenants with an entry. Each daemon holds all of them in memory. */
const MOST_ENTRIES = 10_000;

export class DirectoryStore {
  readonly #entries: VersionedHash;

  constructor({ redis, cell, keyStyle }: DirectorySource) {
    this.#entries = new VersionedHash({
      redis,
      key: cellKeys(cell, keyStyle).directory,
      prefix: 'tenant:',
      mostEntries: MOST_ENTRIES,
      unavailable: 'The store of tenants and keys does not answer; try again.',
    });
  }

  /** `known` itself where nothing has changed since. */
  read(known: Snapshot): Promise<Snapshot> {
    return this.#entries.read(known);
  }

  /** Compare-and-set: `differs` when the entry is not what was seen, and nothing has changed. */
  change({ tenant, seen, value }: Change): Promise<ChangeResult> {
    return this.#entries.change({ name: tenant, seen, value });
  }
}
