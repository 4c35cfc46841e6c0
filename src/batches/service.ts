// Batches as one part of a daemon: what may be asked of them, and the outcomes of their lines. It is
// given a queue for these; when a line runs, and how, it does not know.
import type { Redis } from 'ioredis';
import type { BatchesConfig, FilesConfig } from '../config/batches-schema.ts';
import { AppError } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import type { KeyStyle } from '../redis/keys.ts';
import { BATCH_ENDPOINTS, type Batch, type BatchFacts } from './batch.ts';
import { BatchStore } from './batch-store.ts';
import { BatchEmitter } from './events.ts';
import type { Page, Paging } from './file.ts';
import { Files } from './files.ts';
import { Keeper } from './keeper.ts';
import type { LineQueue } from './line-queue.ts';
import { encodeEnd, type LineEnd } from './outcome.ts';
import { endpointOf } from './validate.ts';

export interface BatchesOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly config: () => { readonly files: FilesConfig; readonly batches: BatchesConfig };
  readonly queue: LineQueue;
  /** Largest body in bytes that the queue takes. */
  readonly maxBodyBytes: () => number;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

const FULL_RETRY_MS = 60_000;
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export class Batches implements Service {
  readonly events = new BatchEmitter();
  readonly files: Files;
  readonly #options: BatchesOptions;
  readonly #store: BatchStore;
  readonly #keeper: Keeper;

  constructor(options: BatchesOptions) {
    this.#options = options;
    const { config } = options;
    this.files = new Files({ ...options, config: () => config().files });
    this.#store = new BatchStore({ ...options, config: () => config().batches });
    this.#keeper = new Keeper({
      ...options,
      store: this.#store,
      files: this.files,
      config: () => config().batches,
      onEnded: (batch) => this.events.emit('ended', batch),
      onError: (error) => this.events.emit('stepFailed', { error }),
    });
  }

  start(): Promise<void> {
    return this.#keeper.start();
  }

  stop(): Promise<void> {
    return this.#keeper.stop();
  }

  /** Rejects with what is wrong with it. The lines are looked at later: the batch tells then. */
  async create(tenant: string, facts: BatchFacts): Promise<Batch> {
    if (endpointOf(facts.endpoint) === undefined) {
      const message = `The endpoint must be one of ${BATCH_ENDPOINTS.join(', ')}.`;
      throw new AppError('invalid_params', message, { param: 'endpoint' });
    }
    const windowMs = this.#windowMs(facts.window);
    const file = await this.files.find(tenant, facts.inputFile);
    if (file === undefined) throw noInput();
    if (file.purpose !== 'batch') {
      const message = 'The input file must have the purpose batch.';
      throw new AppError('invalid_params', message, { param: 'input_file_id' });
    }
    const creation = await this.#store.create(tenant, facts, windowMs);
    if (creation.kind === 'no_file') throw noInput();
    if (creation.kind === 'full') {
      const message = 'Your tenant has as many batches that have not ended as it may have.';
      throw new AppError('batches_full', message, { retryAfterMs: FULL_RETRY_MS });
    }
    const { batch } = creation;
    this.events.emit('created', { batch: batch.id, tenant });
    this.#keeper.look();
    return batch;
  }

  /** Undefined for one that is not there, or another tenant's. */
  async find(tenant: string, id: string): Promise<Batch | undefined> {
    return await this.#store.find(tenant, id);
  }

  /** Latest first unless told otherwise. */
  async list(tenant: string, paging: Paging): Promise<Page<Batch>> {
    return await this.#store.list(tenant, paging);
  }

  /** Batches of all tenants that have not ended. */
  openCount(): Promise<number> {
    return this.#store.open();
  }

  /** Throws `batch_ended` for one that has nothing left to cancel. */
  async cancel(tenant: string, id: string): Promise<Batch | undefined> {
    const batch = await this.#store.find(tenant, id);
    if (batch === undefined) return undefined;
    if ((await this.#store.stop(batch, 'cancelled')) === 'ended') {
      throw new AppError('batch_ended', 'This batch has ended already, or is about to.');
    }
    this.#keeper.look();
    return await this.#store.find(tenant, id);
  }

  /**
   * A line's job has ended. Durable when it resolves, and idempotent: the first end of a line is the
   * one. `line`: its place, as the job was given it.
   */
  async lineEnded(id: string, line: string, end: LineEnd): Promise<void> {
    if (await this.#store.record(id, [[line, encodeEnd(end)]])) this.#keeper.look();
  }

  #windowMs(text: string): number {
    const [, count = '', unit = ''] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
    const windowMs = Number(count) * (UNIT_MS[unit] ?? 0);
    const { maxWindowMs } = this.#options.config().batches;
    if (windowMs > 0 && windowMs <= maxWindowMs) return windowMs;
    const most = `${Math.floor(maxWindowMs / 60_000)}m`;
    const message = `completion_window takes minutes, hours or days, such as 24h; at most ${most}.`;
    throw new AppError('invalid_params', message, { param: 'completion_window' });
  }
}

function noInput(): AppError {
  const message = 'There is no such input file.';
  return new AppError('invalid_params', message, { param: 'input_file_id' });
}
