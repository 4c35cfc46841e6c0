// Which provider serves a run: the one of its first request, for as long as the run is remembered.
// Shared by all daemons of a cell; what to do about it is the gateway's matter (gateway/run.ts).
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript, type BoundKeys } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import type { AssembledScript } from '../redis/assemble.ts';

export interface RunProvidersOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Runs that are remembered; beyond it the longest unused are forgotten. */
  readonly maxRemembered: () => number;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: () => number;
}

export interface Run {
  readonly tenant: string;
  readonly run: string;
}

/** A run is forgotten at most this much earlier than the order of last uses would have it. */
const LATE_MS = 60_000;

export class RunProviders {
  readonly #redis: Redis;
  readonly #script: AssembledScript;
  readonly #bound: BoundKeys;
  readonly #maxRemembered: () => number;
  readonly #clock: () => number;

  constructor(options: RunProvidersOptions) {
    const { redis, cell, keyStyle, maxRemembered, clock = () => -1 } = options;
    const keys = cellKeys(cell, keyStyle);
    this.#redis = redis;
    this.#script = loadScripts().runs;
    this.#bound = bindKeys(this.#script, { runs: keys.runs, runs_used: keys.runsUsed });
    this.#maxRemembered = maxRemembered;
    this.#clock = clock;
  }

  /** The provider of a run; undefined for a run that is new or forgotten. Rejects as the store does. */
  async find(run: Run): Promise<string | undefined> {
    const provider = await this.#call(run, '');
    return provider === '' ? undefined : provider;
  }

  /** The provider that the run has from now on: the first that was told. Idempotent. */
  async remember(run: Run, provider: string): Promise<string> {
    return await this.#call(run, provider);
  }

  async #call({ tenant, run }: Run, provider: string): Promise<string> {
    const head = Buffer.alloc(24);
    head.writeDoubleLE(this.#maxRemembered(), 0);
    head.writeDoubleLE(LATE_MS, 8);
    head.writeDoubleLE(this.#clock(), 16);
    // A caller's own words never name anything in the store, and all fields are of one size.
    const digest = createHash('sha256').update(`${tenant}\0${run}`).digest();
    const reply = await callScript(this.#redis, this.#script, 'runs', this.#bound, [
      head,
      digest,
      provider,
    ]);
    return String(reply);
  }
}
