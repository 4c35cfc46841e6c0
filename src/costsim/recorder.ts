// Tells the store what requests were expected to cost and what they have cost: once a second, a few
// hundred records in a call. It is no part of a request: where the store is away, records wait in
// bounded memory, and what does not fit is dropped and counted.
import { nanoid } from 'nanoid';
import type { CostsimConfig } from '../config/costsim-schema.ts';
import type { ProvenanceRecord } from '../core/estimates.ts';
import { remade } from '../core/remade.ts';
import type { Service } from '../core/service.ts';
import { storeErrorKind } from '../scheduler/store-errors.ts';
import type { CostsimEmitter } from './events.ts';
import { packDrifts } from './observation.ts';
import { encodeRecord } from './provenance.ts';
import type { CostsimAnswer, CostsimStore, Observed } from './store.ts';

export interface RecorderOptions {
  readonly store: Pick<CostsimStore, 'observe'>;
  readonly events: CostsimEmitter;
  readonly config: {
    readonly costsim: CostsimConfig;
    readonly accounts: readonly { readonly models: readonly string[] }[];
  };
  readonly onAnswer: (answer: CostsimAnswer) => void;
}

/** A batch on its way: told under the same name until the store has it. */
interface Pending {
  readonly observed: Observed;
  readonly size: number;
  tries: number;
}

const TELL_MS = 1000;
/** Records of one call: the store does nothing else meanwhile. */
const MOST_RECORDS = 500;
/** So often a batch that the script refuses is tried; while the store is away it just waits. */
const MOST_TRIES = 10;

export class Recorder implements Service {
  readonly #options: RecorderOptions;
  /** Those of the configuration, each once. */
  readonly #models: () => readonly string[];
  readonly #process = nanoid(10);
  #buffer: ProvenanceRecord[] = [];
  #pending: Pending | undefined;
  #batches = 0;
  #timer: NodeJS.Timeout | undefined;
  #telling: Promise<void> | undefined;
  #toldAtMs: number | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { config } = options;
    this.#models = remade(
      () => config.accounts,
      (accounts) => [...new Set(accounts.flatMap((account) => account.models))],
    );
  }

  start(): Promise<void> {
    this.#timer = setInterval(() => void this.tell(), TELL_MS).unref();
    return Promise.resolve();
  }

  /** Tells what is left, once. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#telling;
    await this.tell();
    if (this.waiting > 0) this.#options.events.emit('dropped', { records: this.waiting });
    this.#buffer = [];
    this.#pending = undefined;
  }

  record(record: ProvenanceRecord): void {
    if (this.#buffer.length < this.#options.config.costsim.provenance.maxBuffered) {
      this.#buffer.push(record);
    } else this.#options.events.emit('dropped', { records: 1 });
  }

  /** Records that the store does not have yet. */
  get waiting(): number {
    return this.#buffer.length + (this.#pending?.size ?? 0);
  }

  /** Tells all that waits; ends early where the store fails. Never rejects. */
  tell(): Promise<void> {
    this.#telling ??= this.#tellAll()
      .catch((error: unknown) => this.#options.events.emit('failed', { error: error as Error }))
      .then(() => (this.#telling = undefined));
    return this.#telling;
  }

  async #tellAll(): Promise<void> {
    while (this.#take()) {
      const { observed, size } = this.#pending as Pending;
      try {
        this.#options.onAnswer(await this.#options.store.observe(observed));
        this.#pending = undefined;
        this.#toldAtMs = performance.now();
      } catch (error) {
        if (storeErrorKind(error) === 'defect') this.#refused(size);
        throw error;
      }
    }
  }

  /** Whether there is something to tell; of what was recorded once, also that time has passed. */
  #take(): boolean {
    if (this.#pending !== undefined) return true;
    const { intervalMs, maxModels } = this.#options.config.costsim.drift;
    const sinceMs = performance.now() - (this.#toldAtMs ?? Infinity);
    if (this.#buffer.length === 0 && sinceMs < intervalMs) return false;
    const records = this.#buffer.splice(0, MOST_RECORDS);
    const named = new Set(this.#models().slice(0, maxModels));
    this.#batches += 1;
    const observed = {
      batch: `${this.#process}:${this.#batches}`,
      records: records.map(encodeRecord),
      drifts: packDrifts(records, (model) => (named.has(model) ? model : 'other')),
    };
    this.#pending = { observed, size: records.length, tries: 0 };
    return true;
  }

  #refused(size: number): void {
    const pending = this.#pending as Pending;
    pending.tries += 1;
    if (pending.tries < MOST_TRIES) return;
    this.#pending = undefined;
    this.#options.events.emit('dropped', { records: size });
  }
}
