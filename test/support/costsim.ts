// Cost control on a cell of its own with a clock of the test's: records whose drift is known, the
// script called by hand, and what it keeps. Nothing runs by itself.
import type { Redis } from 'ioredis';
import { costsimSchema, type CostsimConfig } from '../../src/config/costsim-schema.ts';
import type { Figures, ProvenanceRecord } from '../../src/core/estimates.ts';
import { packDrifts } from '../../src/costsim/observation.ts';
import { encodeRecord } from '../../src/costsim/provenance.ts';
import { CostsimStore } from '../../src/costsim/store.ts';

export function figures(costMicro: number | undefined, tokens = 100): Figures {
  return { inputTokens: tokens, outputTokens: 0, cachedInputTokens: 0, costMicro };
}

export interface RecordWish extends Partial<ProvenanceRecord> {
  /** Of `v2` against an actual cost of 1000; 0 by default. */
  readonly drift?: number;
}

let records = 0;

/** A live record for `gpt-4` whose `v1` is exact. */
export function aRecord({ drift = 0, ...wish }: RecordWish = {}): ProvenanceRecord {
  records += 1;
  return {
    id: `request-${records}`,
    source: 'live',
    inputHash: 'ab'.repeat(32),
    tenant: 'default',
    route: 'deep',
    pool: 'openai',
    model: 'gpt-4',
    atMs: 1,
    versions: { v1: '1', v2: '1' },
    reservedBy: 'v2',
    v1: figures(1000),
    v2: figures(Math.round(1000 * (1 + drift))),
    actual: figures(1000),
    basis: undefined,
    ...wish,
  };
}

export function someRecords(count: number, wish: RecordWish = {}): readonly ProvenanceRecord[] {
  return Array.from({ length: count }, () => aRecord(wish));
}

/** Small bounds: 12 s of window, 1 s intervals, 10 samples, 3 incidents, 10 s of cool-down. */
export function smallBounds(wish: object = {}): CostsimConfig {
  const drift = { windowMs: 12_000, intervalMs: 1000, minSamples: 10 };
  const breaker = { incidents: 3, cooldownMs: 10_000, maxCooldownMs: 60_000 };
  return costsimSchema.parse({ drift, breaker, ...wish });
}

export interface CostsimWish {
  readonly cell: string;
  readonly daemon?: string;
  readonly config?: CostsimConfig;
}

export class TestCostsim {
  readonly store: CostsimStore;
  readonly redis: Redis;
  /** Cell time of the next call. */
  now = 1000;
  #batches = 0;

  constructor(redis: Redis, { cell, daemon = 'daemon-1', config = smallBounds() }: CostsimWish) {
    this.redis = redis;
    const clock = (): number => this.now;
    this.store = new CostsimStore({
      ...{ redis, cell, daemon, clock },
      keyStyle: 'plain',
      config: { costsim: config },
    });
  }

  /** One batch of these records. */
  async observe(observed: readonly ProvenanceRecord[] = [], batch?: string) {
    this.#batches += 1;
    return await this.store.observe({
      batch: batch ?? `b${this.#batches}`,
      records: observed.map(encodeRecord),
      drifts: packDrifts(observed, (model) => model),
    });
  }

  /** The bit that ticks read. */
  async bit(): Promise<string | null> {
    return await this.redis.hget(this.store.keys.cell, 'v2_open');
  }

  /** What the log says, oldest first. */
  async logged(): Promise<readonly string[]> {
    return (await this.store.log(100)).map(({ kind }) => kind).reverse();
  }
}
