// Cost control as one part of a daemon: what is recorded, how far estimates were off, and the breaker
// of `v2`. Idle, and without a word to the store, until something is recorded or asked.
import type { CostsimConfig } from '../config/costsim-schema.ts';
import type { ProvenanceRecord } from '../core/estimates.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import type { Service } from '../core/service.ts';
import { CostsimBreaker } from './breaker.ts';
import { readDrift, type DriftFigures } from './drift.ts';
import { CostsimEmitter, type Change } from './events.ts';
import { Recorder } from './recorder.ts';
import { CostsimStore, type BreakerState, type CostsimStoreOptions } from './store.ts';

export interface CostControlOptions extends Omit<CostsimStoreOptions, 'daemon'> {
  /** Reads as the configuration in force. */
  readonly config: {
    readonly costsim: CostsimConfig;
    readonly accounts: readonly { readonly models: readonly string[] }[];
    readonly scheduler: { readonly reapIntervalMs: number };
  };
  /** Its ticks tell whether the breaker is open. */
  readonly scheduler: { readonly id: string; readonly events: SchedulerEmitter };
}

/** For operators. */
export interface CostsimReport {
  readonly breaker: BreakerState;
  readonly drift: readonly DriftFigures[];
  /** Provenance records that the store holds. */
  readonly records: number;
}

/** What a tick says is trusted so long, or for some of a slow daemon's own ticks. */
const TRUST_MS = 5000;
const TRUST_TICKS = 3;

export class CostControl implements Service {
  readonly events = new CostsimEmitter();
  readonly breaker: CostsimBreaker;
  readonly #options: CostControlOptions;
  readonly #store: CostsimStore;
  readonly #recorder: Recorder;

  constructor(options: CostControlOptions) {
    this.#options = options;
    const { config, scheduler } = options;
    const { events } = this;
    const trustMs = Math.max(TRUST_MS, TRUST_TICKS * config.scheduler.reapIntervalMs);
    this.#store = new CostsimStore({ ...options, daemon: scheduler.id });
    const store = this.#store;
    this.breaker = new CostsimBreaker({ store, events, scheduler: scheduler.events, trustMs });
    const onAnswer = this.breaker.heed.bind(this.breaker);
    this.#recorder = new Recorder({ store, events, config, onAnswer });
  }

  async start(): Promise<void> {
    await this.breaker.start();
    await this.#recorder.start();
  }

  async stop(): Promise<void> {
    await this.#recorder.stop();
    await this.breaker.stop();
  }

  /** One request has ended. Costs the request nothing: the store is told later. */
  readonly record = (record: ProvenanceRecord): void => {
    this.#recorder.record(record);
  };

  /** For a request that chooses its estimator. */
  readonly isV2Disabled = (): boolean => this.breaker.isV2DisabledNow();

  /** Records that the store does not have yet. */
  get waiting(): number {
    return this.#recorder.waiting;
  }

  /** Whether the cell has ever been asked for it, as far as ticks tell. */
  get isInUse(): boolean {
    return this.breaker.isInUse;
  }

  /** Tells what was recorded, at once. */
  async flush(): Promise<void> {
    await this.#recorder.tell();
  }

  /** Rejects with `store_unavailable`. */
  async report(): Promise<CostsimReport> {
    const breaker = await this.breaker.status();
    const { redis, keys } = this.#store;
    const { config, clock } = this.#options;
    const windowMs = (): number => config.costsim.drift.windowMs;
    const [drift, records] = await this.breaker.guarded(() =>
      Promise.all([readDrift({ redis, keys, windowMs, clock }), redis.xlen(keys.provenance)]),
    );
    return { breaker, drift, records };
  }

  /** The last changes and incidents, latest first. Rejects with `store_unavailable`. */
  async log(most: number): Promise<readonly Change[]> {
    return await this.breaker.guarded(() => this.#store.log(most));
  }
}
