// The calls of lua/costsim.lua, and what they answer. Every call is one atomic step; deciding is the
// script's. Nothing is told to anybody here.
import type { Redis } from 'ioredis';
import type { CostsimConfig } from '../config/costsim-schema.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { CODES } from '../redis/codes.ts';
import { cellKeys, type CellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { CAUSES, type Cause, type Change } from './events.ts';

export interface CostsimStoreOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Whose batches these are. */
  readonly daemon: string;
  readonly config: { readonly costsim: CostsimConfig };
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

/** The breaker of `v2`, as the store had it at `nowMs`. */
export interface BreakerState {
  readonly nowMs: number;
  readonly state: 'closed' | 'open';
  /** Of the last change; 0 where there was none. */
  readonly number: number;
  readonly cause: Cause | undefined;
  readonly by: string;
  readonly why: string;
  readonly sinceMs: number;
  /** Cell time in ms; undefined where it does not recover by itself. */
  readonly recoverAtMs: number | undefined;
  /** Incidents in a row. */
  readonly consecutiveFailures: number;
  /** Trips that followed soon upon each other. */
  readonly trips: number;
  /** Of `v2` against actuals over the window, when it was judged last. */
  readonly p95: number;
  readonly samples: number;
  readonly warned: boolean;
}

export interface CostsimAnswer {
  readonly breaker: BreakerState;
  /** What the store had before the call; what is missing or corrupt has been made anew. */
  readonly found: 'sound' | 'missing' | 'corrupt';
  /** What this call has changed, and so its caller has to tell. */
  readonly changes: readonly Change[];
}

export interface Observed {
  /** A name that no other batch of this daemon has. */
  readonly batch: string;
  readonly records: readonly string[];
  /** Series and histograms in turn (observation.ts). */
  readonly drifts: Buffer;
}

export interface ByHand {
  readonly by: string;
  readonly why: string;
}

interface Words extends Partial<ByHand>, Partial<Observed> {
  readonly told?: number;
}

const FOUND = ['sound', 'missing', 'corrupt'] as const;
const NOTHING = Buffer.alloc(0);

export class CostsimStore {
  readonly keys: CellKeys;
  readonly redis: Redis;
  readonly #options: CostsimStoreOptions;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;

  constructor(options: CostsimStoreOptions) {
    this.#options = options;
    this.redis = options.redis;
    this.#script = loadScripts().costsim;
    this.keys = cellKeys(options.cell, options.keyStyle);
    const { cell, costsim, costsimLog, provenance } = this.keys;
    const costsim_batch = this.keys.costsimBatch(options.daemon);
    const provenance_inputs = this.keys.provenanceInputs;
    const told = { costsim_log: costsimLog, costsim_batch };
    const keys = { cell, costsim, provenance, provenance_inputs, ...told };
    this.#bound = bindKeys(this.#script, keys, { drift: driftKeys(this.keys) });
  }

  /** Takes records in; a batch that the store has taken already changes nothing. */
  observe(observed: Observed): Promise<CostsimAnswer> {
    return this.#call('observe', observed);
  }

  /** The state; and a change that nobody has told, to be told by the caller. */
  look(): Promise<CostsimAnswer> {
    return this.#call('look');
  }

  /** Closes the breaker where its cool-down is over, for the first one who asks. */
  recover(): Promise<CostsimAnswer> {
    return this.#call('recover');
  }

  enable(words: ByHand): Promise<CostsimAnswer> {
    return this.#call('enable', words);
  }

  disable(words: ByHand): Promise<CostsimAnswer> {
    return this.#call('disable', words);
  }

  /** For the canary. */
  trip(words: ByHand): Promise<CostsimAnswer> {
    return this.#call('trip', words);
  }

  /** The change of this number was told. */
  told(number: number): Promise<CostsimAnswer> {
    return this.#call('told', { told: number });
  }

  /** The log, latest first. */
  async log(most: number): Promise<readonly Change[]> {
    const lines = await this.redis.lrange(this.keys.costsimLog, 0, most - 1);
    return lines.flatMap(readChange);
  }

  async #call(entry: string, words: Words = {}): Promise<CostsimAnswer> {
    const { batch = '', by = '', why = '', drifts = NOTHING, records = [], told = 0 } = words;
    const args = [this.#head(records.length, told), batch, by, why, drifts, ...records];
    return decode(await callScript(this.redis, this.#script, entry, this.#bound, args));
  }

  #head(records: number, told: number): Buffer {
    const { config, clock } = this.#options;
    const { provenance, drift, breaker } = config.costsim;
    const { windowMs, intervalMs, minSamples, warn, trip } = drift;
    const { incidents, cooldownMs, maxCooldownMs, maxLogged } = breaker;
    const { maxRecords, retentionMs } = provenance;
    const judged = [windowMs, intervalMs, minSamples, warn, trip];
    const limits = [incidents, cooldownMs, maxCooldownMs, maxRecords, retentionMs, maxLogged];
    const numbers = [clock?.() ?? -1, records, told, ...judged, ...limits];
    const head = Buffer.alloc(8 * numbers.length);
    numbers.forEach((number, i) => head.writeDoubleLE(number, 8 * i));
    return head;
  }
}

/** The ring of sub-windows. */
export function driftKeys(keys: CellKeys): readonly string[] {
  return Array.from({ length: CODES.DRIFT.slots }, (_, number) => keys.drift(number));
}

/** See the reply in lua/costsim.lua. */
type Reply = [number, number, number, number, Buffer, Buffer, Buffer, ...number[], Buffer];

function decode(reply: unknown): CostsimAnswer {
  const [nowMs, readable, open, number, cause, by, why, ...rest] = reply as Reply;
  const changes = rest.at(-1) as unknown as Buffer;
  const [sinceMs = 0, recoverAtMs = 0, consecutiveFailures = 0, trips = 0, ...judged] =
    rest as number[];
  const [p95Millionths = 0, samples = 0, warned] = judged;
  return {
    breaker: {
      nowMs,
      state: open === 1 ? 'open' : 'closed',
      number,
      cause: causeOf(cause.toString()),
      by: by.toString(),
      why: why.toString(),
      sinceMs,
      recoverAtMs: recoverAtMs > 0 ? recoverAtMs : undefined,
      consecutiveFailures,
      trips,
      p95: p95Millionths / 1e6,
      samples,
      warned: warned === 1,
    },
    found: FOUND[readable] ?? 'corrupt',
    changes: changes.length === 0 ? [] : changes.toString().split('\n').flatMap(readChange),
  };
}

function causeOf(text: string): Cause | undefined {
  return CAUSES.find((cause) => cause === text);
}

/** Nothing for a line that is no change. */
function readChange(line: string): readonly Change[] {
  try {
    const { at, recover_at, ...facts } = JSON.parse(line) as Omit<Change, 'atMs'> & {
      readonly at: number;
      readonly recover_at?: number;
    };
    const recovers = recover_at !== undefined && { recoverAtMs: recover_at };
    return typeof facts.kind === 'string' ? [{ ...facts, atMs: at, ...recovers }] : [];
  } catch {
    return [];
  }
}
