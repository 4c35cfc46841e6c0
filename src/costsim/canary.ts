// The canary of the estimator `v2`: once a day, or by hand, the leader replays a sample of recent
// requests through both estimators and judges them by what the requests came to. A failed one takes
// `v2` out of service.
//
// States: idle → running → idle. Only a leader looks for something to do, once a second; a run that
// its leader cannot end is begun again by the next one, under the same name. What follows from a
// report is done after it is stored, by whoever leads then.
import type { CanaryConfig } from '../config/canary-schema.ts';
import type { Service } from '../core/service.ts';
import type { Leadership } from '../core/tenure.ts';
import { CanaryEmitter } from './canary-events.ts';
import { judge, type CanaryReport } from './canary-report.ts';
import { drawSample, type Replay, type StoredRecords } from './canary-sample.ts';
import type { Beginning, CanaryStore } from './canary-store.ts';

export interface CanaryOptions {
  readonly store: CanaryStore;
  readonly elector: { leading(): Leadership | undefined };
  readonly config: () => CanaryConfig;
  /** Whether `v2` is in use or under trial: without it nothing runs by the schedule. */
  readonly isWatched: () => boolean;
  /** Provenance that was stored at this cell time in ms or later. */
  readonly read: (sinceMs: number) => StoredRecords;
  readonly replay: Replay;
  /** Takes `v2` out of service; again where it is so already. */
  readonly trip: (words: { readonly by: string; readonly why: string }) => Promise<unknown>;
  readonly random?: (() => number) | undefined;
}

type Begun = Extract<Beginning, { kind: 'begun' }>;

const LOOK_MS = 1000;
/** After a run that broke: what broke it may go on for a while. */
const AGAIN_MS = 30_000;

export class Canary implements Service {
  readonly events = new CanaryEmitter();
  readonly #options: CanaryOptions;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    this.#lookLater(LOOK_MS);
    return Promise.resolve();
  }

  /** A run that is under way is left to the next leader. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Does what there is to do, where this daemon leads. Never rejects; one at a time. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<void> {
    let again = true;
    while (again && !this.#stopping.signal.aborted) {
      const leadership = this.#options.elector.leading();
      if (leadership === undefined) return;
      again = await this.#step(leadership).catch((error: unknown) => {
        this.events.emit('failed', { error });
        return false;
      });
    }
  }

  /** Whether there may be more to do. */
  async #step(leadership: Leadership): Promise<boolean> {
    const { store, config, isWatched } = this.#options;
    const beginning = await store.begin(leadership, config().enabled && isWatched());
    if (beginning.kind === 'begun') return await this.#run(leadership, beginning);
    if (beginning.kind === 'fenced' || beginning.untold === undefined) return false;
    await this.#follow(leadership, beginning.untold);
    return true;
  }

  async #run(leadership: Leadership, begun: Begun): Promise<boolean> {
    const { run, reason } = begun;
    this.events.emit('began', { run, reason });
    try {
      return await this.#options.store.finish(leadership, await this.#report(leadership, begun));
    } catch (error) {
      this.events.emit('broken', { run, error });
      this.#lookLater(AGAIN_MS);
      return false;
    }
  }

  async #report({ holder, term, signal }: Leadership, begun: Begun): Promise<CanaryReport> {
    const { config, read, replay, random = Math.random } = this.#options;
    const { run: id, nowMs: startedAtMs, reason, by } = begun;
    const rules = config();
    const startedMs = performance.now();
    const { compared, counts } = await drawSample(read(startedAtMs - rules.lookbackMs), {
      most: rules.sample,
      replay,
      random,
      signal: AbortSignal.any([signal, this.#stopping.signal]),
    });
    const tookMs = Math.round(performance.now() - startedMs);
    const facts = { id, reason, by, leader: { holder, term }, startedAtMs, tookMs };
    return { ...facts, sample: counts, ...judge(compared, rules) };
  }

  /** Idempotent: whoever leads does it again where it is not known to be done. */
  async #follow(leadership: Leadership, run: string): Promise<void> {
    const { store, trip } = this.#options;
    const report = await store.report(run);
    if (report?.verdict === 'failed') {
      await trip({ by: 'canary', why: `Run ${run}: ${report.findings.join('; ')}.` });
    }
    if (report !== undefined) this.events.emit('reported', { report });
    await store.told(leadership, run);
  }

  #lookLater(afterMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#lookLater(LOOK_MS);
      void this.look();
    }, afterMs).unref();
  }
}
