// What operators have switched at run time, for all daemons of the cell: entries of one HASH, kept
// in memory and asked for news every so often, so that a change is everywhere within a second. Where
// the store does not answer, the last copy goes on. It knows no switch and no rollout.
import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import type { Logger } from '../log/logger.ts';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { NOTHING, VersionedHash, type Snapshot } from '../redis/versioned-hash.ts';

export interface PoliciesOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly logger: Pick<Logger, 'warn'>;
}

type Entries = ReadonlyMap<string, string>;
type Listener = (entries: Entries) => Promise<void> | void;

/** Two readings fit into the second in which a change is to be everywhere. */
const READ_MS = 400;
const MOST_ENTRIES = 2000;
const MAX_TRIES = 8;

export class Policies implements Service {
  readonly #options: PoliciesOptions;
  readonly #store: VersionedHash;
  readonly #listeners: Listener[] = [];
  #snapshot: Snapshot = NOTHING;
  /** Resolves when all listeners have made what they make of the last change. */
  #told: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #isFailing = false;

  constructor(options: PoliciesOptions) {
    this.#options = options;
    const { redis, cell, keyStyle } = options;
    this.#store = new VersionedHash({
      redis,
      key: cellKeys(cell, keyStyle).policies,
      prefix: 'policy:',
      mostEntries: MOST_ENTRIES,
      unavailable: 'The store of switches and rollouts does not answer; try again.',
    });
  }

  get entries(): Entries {
    return this.#snapshot.entries;
  }

  /**
   * Told of all entries whenever they are others, from the first reading on. A change counts as made
   * when the listeners have finished; they must not throw or reject.
   */
  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Has read the store once when it resolves; rejects with `store_unavailable`. */
  async start(): Promise<void> {
    await this.renew();
    this.#readLater();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    return Promise.resolve();
  }

  /** Reads the store now. */
  async renew(): Promise<void> {
    const next = await this.#store.read(this.#snapshot);
    if (next !== this.#snapshot) {
      this.#snapshot = next;
      const told = this.#listeners.map((tell) => tell(next.entries));
      this.#told = Promise.all([this.#told, ...told]);
    }
    await this.#told;
  }

  /** `next` makes the new text of an entry of what it is now; it is in force here when it resolves. */
  async change(name: string, next: (text: string | undefined) => string): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      await this.renew();
      const seen = this.#snapshot.entries.get(name);
      const result = await this.#store.change({ name, seen, value: next(seen) });
      if (result === 'full') throw new AppError('directory_full', 'There are too many entries.');
      if (result === 'changed') {
        await this.renew();
        return;
      }
    }
    throw new AppError('store_unavailable', 'Others keep changing this; try again.');
  }

  #readLater(): void {
    this.#timer = setTimeout(() => {
      void this.#readAgain().finally(() => {
        if (!this.#isStopped) this.#readLater();
      });
    }, READ_MS).unref();
  }

  async #readAgain(): Promise<void> {
    try {
      await this.renew();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing && !this.#isStopped) {
        this.#options.logger.warn('switches cannot be read; the last ones stay', { error });
      }
      this.#isFailing = true;
    }
  }
}
