// A canary on a real store in a cell where a test says who leads and what time it is.
import type { Redis } from 'ioredis';
import { canarySchema, type CanaryConfig } from '../../src/config/canary-schema.ts';
import type { Figures, ProvenanceRecord } from '../../src/core/estimates.ts';
import type { Leadership } from '../../src/core/tenure.ts';
import { Canary } from '../../src/costsim/canary.ts';
import type { CanaryReport } from '../../src/costsim/canary-report.ts';
import { CanaryStore } from '../../src/costsim/canary-store.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { aRecord, figures, stored } from './provenance.ts';

export const DAY_MS = 86_400_000;
/** 12:00 UTC; the schedule's time is 03:30. */
export const NOON_MS = Date.UTC(2026, 6, 10, 12);

export class CanaryBench {
  nowMs = NOON_MS;
  isWatched = true;
  records: readonly (ProvenanceRecord | undefined)[] = Array.from({ length: 20 }, (_, i) =>
    aRecord({ id: `r${i}` }),
  );
  /** What v2 says of each record now; they came to 100. */
  v2 = (): Figures => figures(100);
  readonly trips: { readonly by: string; readonly why: string }[] = [];
  readonly store: CanaryStore;
  readonly config: CanaryConfig;
  readonly #redis: Redis;
  readonly #cell: string;

  constructor(redis: Redis, cell: string, wish: Partial<CanaryConfig> = {}) {
    this.#redis = redis;
    this.#cell = cell;
    this.config = canarySchema.parse({ minSample: 10, sample: 100, ...wish });
    const clock = (): number => this.nowMs;
    const config = (): CanaryConfig => this.config;
    this.store = new CanaryStore({ redis, cell, keyStyle: 'plain', config, clock });
  }

  /** From now on this one leads, by the store's word. */
  async elect(holder: string, term: number): Promise<void> {
    await this.#redis.hset(cellKeys(this.#cell).leader, { holder, term });
  }

  /** A daemon's canary, and what it tells; it believes to lead until `leads` says no. */
  canary(holder: string, term: number) {
    const ending = new AbortController();
    const leadership: Leadership = { holder, term, signal: ending.signal };
    const daemon = { leads: true };
    const canary = new Canary({
      store: this.store,
      elector: { leading: () => (daemon.leads ? leadership : undefined) },
      config: () => this.config,
      isWatched: () => this.isWatched,
      read: () => stored(this.records),
      replay: () => ({ v1: figures(130), v2: this.v2() }),
      trip: async (words) => void this.trips.push(words),
    });
    const reports: CanaryReport[] = [];
    const broken: string[] = [];
    canary.events.on('reported', ({ report }) => reports.push(report));
    canary.events.on('broken', ({ run }) => broken.push(run));
    const depose = (): void => {
      daemon.leads = false;
      ending.abort();
    };
    return { canary, reports, broken, depose };
  }

  readonly fail = (): void => {
    this.v2 = () => figures(150);
  };
}
