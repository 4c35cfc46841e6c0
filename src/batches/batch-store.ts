// Batches in the store (lua/batches.lua): every change of one, and what is read of them. A tenant sees
// its own alone. It runs nothing and knows no queue.
import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import type { BatchesConfig } from '../config/batches-schema.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { cellKeys, type CellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { BATCH_ID, type Batch, type BatchFacts, type LineError } from './batch.ts';
import { readBatch } from './batch-record.ts';
import type { Page, Paging } from './file.ts';
import { readIndex } from './tenant-index.ts';

export interface BatchStoreOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly config: () => BatchesConfig;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

export type Creation =
  | { readonly kind: 'created'; readonly batch: Batch }
  | { readonly kind: 'no_file' }
  | { readonly kind: 'full' };

export interface Taken {
  readonly id: string;
  readonly nowMs: number;
}

interface Words {
  readonly numbers?: readonly number[];
  readonly tenant?: string;
  readonly words?: string;
  readonly more?: string;
  readonly items?: readonly string[];
  /** Of the input; where a batch may end by the call. */
  readonly file?: string;
}

/** Those of batches that may have ended are refused by the script. */
type Changed = Pick<Batch, 'id' | 'inputFile'>;

/** Every method rejects as the store does. */
export class BatchStore {
  readonly #options: BatchStoreOptions;
  readonly #keys: CellKeys;
  readonly #script: AssembledScript;

  constructor(options: BatchStoreOptions) {
    this.#options = options;
    this.#keys = cellKeys(options.cell, options.keyStyle);
    this.#script = loadScripts().batches;
  }

  async create(tenant: string, facts: BatchFacts, windowMs: number): Promise<Creation> {
    const id = `batch_${nanoid(24)}`;
    const { maxOpen } = this.#options.config();
    const numbers = [maxOpen, windowMs];
    const words = { numbers, tenant, words: JSON.stringify(facts), file: facts.inputFile };
    const kind = await this.#tell('batch_create', id, words);
    if (kind === 'no_file') return { kind };
    if (kind === 'full') return { kind };
    const batch = await this.find(tenant, id);
    if (batch === undefined) throw new Error('a batch has gone as it was made');
    return { kind: 'created', batch };
  }

  /** Undefined for one that is not there, or another tenant's (undefined: anybody's). */
  async find(tenant: string | undefined, id: string): Promise<Batch | undefined> {
    if (!BATCH_ID.test(id)) return undefined;
    const batch = readBatch(id, await this.#options.redis.hgetall(this.#keys.batch(id)));
    return tenant === undefined || batch?.tenant === tenant ? batch : undefined;
  }

  async list(tenant: string, { after, ...paging }: Paging): Promise<Page<Batch>> {
    const { redis } = this.#options;
    const seen = after === undefined ? undefined : await this.find(tenant, after);
    const page = await readIndex(redis, this.#keys.batches, { ...paging, tenant, after: seen });
    const found = await Promise.all(page.entries.map((id) => this.find(tenant, id)));
    return { entries: found.filter((one) => one !== undefined), hasMore: page.hasMore };
  }

  /** Batches of all tenants that have not ended. */
  async open(): Promise<number> {
    const counts = await this.#options.redis.hvals(this.#keys.batchesOpen);
    return counts.reduce((sum, count) => sum + Number(count), 0);
  }

  /** One that is due, for so long: nobody else takes it meanwhile. */
  async take(forMs: number): Promise<Taken | undefined> {
    const [kind, id, nowMs] = await this.#call('batch_take', '_', { numbers: [forMs] });
    return String(kind) === 'taken' ? { id: String(id), nowMs: Number(nowMs) } : undefined;
  }

  /** Its lines are known to be right, or why it cannot begin. */
  async begin(
    of: Changed,
    result: { readonly total: number; readonly errors: readonly LineError[] },
  ) {
    const { total, errors } = result;
    const words = errors.length === 0 ? '' : JSON.stringify(errors);
    await this.#tell('batch_begin', of.id, { numbers: [total], words, file: of.inputFile });
  }

  /** Jobs of lines from a place on; an empty text for one that has ended. False: no more of them. */
  async feed({ id }: Changed, from: number, jobs: readonly string[]): Promise<boolean> {
    const numbers = [from, jobs.length];
    return (await this.#tell('batch_feed', id, { numbers, items: jobs })) === 'fed';
  }

  /** Idempotent: an outcome that is there stays. Tells whether the batch is now to be looked at. */
  async record(id: string, outcomes: readonly (readonly [place: string, stored: string])[]) {
    const items = outcomes.flat();
    const told = await this.#tell('batch_record', id, { numbers: [items.length], items });
    return told === 'last' || told === 'room';
  }

  async stop(of: Changed, why: 'cancelled' | 'expired'): Promise<'stopped' | 'ended' | 'gone'> {
    const told = await this.#tell('batch_stop', of.id, { words: why, file: of.inputFile });
    return told as 'stopped' | 'ended' | 'gone';
  }

  /** Ends lines that are not in the queue, `isForced`: all; tells the jobs of those that were in it. */
  async rest(
    { id }: Changed,
    range: { readonly from: number; readonly to: number; readonly isForced: boolean },
    stored: string,
  ): Promise<readonly string[]> {
    const numbers = [range.from, range.to, range.isForced ? 1 : 0];
    const [, ...jobs] = await this.#call('batch_rest', id, { numbers, words: stored });
    return jobs.map(String);
  }

  /** False where somebody else has done it. */
  async finish(of: Changed, files: { readonly output: string; readonly error: string }) {
    const { output, error } = files;
    const words = { words: output, more: error, file: of.inputFile };
    return (await this.#tell('batch_finish', of.id, words)) === 'finished';
  }

  /** To be looked at later, unless there is a reason to do it at once; `isFull`: room in the queue is none. */
  async look(id: string, inMs: number, isFull = false): Promise<void> {
    await this.#tell('batch_look', id, { numbers: [inMs, isFull ? 1 : 0] });
  }

  /** Keeps one that was taken from others for so long. */
  async hold(id: string, forMs: number): Promise<void> {
    await this.#tell('batch_hold', id, { numbers: [forMs] });
  }

  async drop(id: string): Promise<void> {
    await this.#tell('batch_drop', id, {});
  }

  /** Outcomes and jobs of lines, by their places. */
  async lines(id: string, places: readonly number[]): Promise<readonly (string | null)[]> {
    if (places.length === 0) return [];
    return await this.#options.redis.hmget(this.#keys.batchLines(id), ...places.map(String));
  }

  async #tell(entry: string, id: string, words: Words): Promise<string> {
    return String((await this.#call(entry, id, words))[0]);
  }

  async #call(entry: string, id: string, given: Words): Promise<readonly unknown[]> {
    const { redis, clock, config } = this.#options;
    const { numbers = [], tenant = '', words = '', more = '', items = [], file = '_' } = given;
    const { retentionMs, ahead } = config();
    const head = Buffer.alloc(48);
    [clock?.() ?? -1, retentionMs, ahead, ...numbers].forEach((number, i) => {
      head.writeDoubleLE(number, 8 * i);
    });
    const keys = this.#keys;
    const bound = bindKeys(this.#script, {
      batch: keys.batch(id),
      batch_lines: keys.batchLines(id),
      batches: keys.batches,
      batches_open: keys.batchesOpen,
      batches_due: keys.batchesDue,
      file: keys.file(file),
    });
    const args = [head, id, tenant, words, more, ...items];
    return (await callScript(redis, this.#script, entry, bound, args)) as readonly unknown[];
  }
}
