// What backfill and verify ask the store for: which inputs it has, what it has of them, how much room
// there is, and to take a batch in. One script brings records in; it never trims.
import type { Redis } from 'ioredis';
import type { ProvenanceRecord } from '../core/estimates.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import type { Word } from '../redis/call.ts';
import { cellKeys, type CellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { serverTime } from './drift.ts';
import { packDrifts } from './observation.ts';
import { decodeRecord, encodeRecord } from './provenance.ts';
import { driftKeys } from './store.ts';

export interface BackfillStoreOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Over which drift is measured. */
  readonly windowMs: number;
  /** Upstream models whose drift is told by name; the others are `other`. */
  readonly models: ReadonlySet<string>;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: () => number;
}

/** What became of a record: `known` was there already, `passed` was new and passed over. */
export type Brought = 'stored' | 'known' | 'passed';

/** `unreadable`: an entry is there, but what it holds is no record. */
export type Found = ProvenanceRecord | 'unreadable' | undefined;

export class BackfillStore {
  readonly #options: BackfillStoreOptions;
  readonly #keys: CellKeys;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;

  constructor(options: BackfillStoreOptions) {
    this.#options = options;
    this.#keys = cellKeys(options.cell, options.keyStyle);
    this.#script = loadScripts().backfill;
    const { cell, provenance, provenanceInputs } = this.#keys;
    const keys = { cell, provenance, provenance_inputs: provenanceInputs };
    this.#bound = bindKeys(this.#script, keys, { drift: driftKeys(this.#keys) });
  }

  async nowMs(): Promise<number> {
    return this.#options.clock?.() ?? (await serverTime(this.#options.redis));
  }

  /** Records of any source that are there. */
  async held(): Promise<number> {
    return await this.#options.redis.xlen(this.#keys.provenance);
  }

  /**
   * One atomic step; trying it again stores nothing twice. The first `pass` of those that are not
   * there are passed over.
   */
  async bring(records: readonly ProvenanceRecord[], pass: number): Promise<readonly Brought[]> {
    const { models } = this.#options;
    const nameOf = (model: string): string => (models.has(model) ? model : 'other');
    const items = records.flatMap((record) => {
      return [record.inputHash, encodeRecord(record), packDrifts([record], nameOf)];
    });
    const reply = await this.#call('backfill', this.#head(records.length, pass), items);
    return reply.map((word) => String(word) as Brought);
  }

  /** What is there of each of these inputs, in their order. */
  async find(hashes: readonly string[]): Promise<readonly Found[]> {
    const reply = await this.#call('find', this.#head(hashes.length, 0), hashes);
    return reply.map((text) => {
      return text === null ? undefined : (decodeRecord(text.toString()) ?? 'unreadable');
    });
  }

  #head(records: number, pass: number): Buffer {
    const { windowMs, clock } = this.#options;
    const head = Buffer.alloc(32);
    [clock?.() ?? -1, windowMs, pass, records].forEach((number, i) => {
      head.writeDoubleLE(number, 8 * i);
    });
    return head;
  }

  async #call(entry: string, head: Buffer, items: readonly Word[]) {
    const args = [head, ...items];
    const reply = await callScript(this.#options.redis, this.#script, entry, this.#bound, args);
    return reply as readonly (Buffer | null)[];
  }
}
