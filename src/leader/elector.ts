// Whether this daemon leads its cell. It tries every so often, once, without waiting for the lease,
// and trusts what it got by its own clock alone: from the start of the try that was granted, a life
// less a margin. The reasons for the margin and its size are in docs/leader.md.
//
// States: following ⇄ leading → stopped. A try that is granted begins a leadership or prolongs it;
// it ends when it is not prolonged in time, when the store names another holder, or by `stop`.
import type { Service } from '../core/service.ts';
import type { Leadership } from '../core/tenure.ts';
import { LeaderEmitter, type LeadershipEnd } from './events.ts';
import type { LeaseRecord, Standing } from './lease-record.ts';

/** Parts of a lease's life. Two tries in a row may fail before a leader's trust ends. */
const TRY_EVERY = 1 / 5;
const TRY_TIMEOUT = 1 / 10;
/** As long as the gap after which the store's clock is not believed: shorter jumps it must cover. */
const MARGIN = 1 / 3;

/** Between two tries of any daemons of a cell, at most, while the store's clock is sound. */
export function longestGapMs(lifeMs: number): number {
  return Math.floor(lifeMs * MARGIN);
}

/** From the start of a try that was granted. */
function trustMs(lifeMs: number): number {
  return Math.floor(lifeMs * (1 - MARGIN));
}

export interface ElectorOptions {
  readonly record: Pick<LeaseRecord, 'try' | 'resign'>;
  /** Names this daemon, as in `record`. */
  readonly holder: string;
  /** Life of the lease in ms, as in `record`; the same for all daemons of a cell. */
  readonly lifeMs: number;
  /** Ms that only go forward, for tests. */
  readonly monotonicMs?: (() => number) | undefined;
}

interface Reign extends Leadership {
  readonly ending: AbortController;
  trustedUntilMs: number;
}

export class Elector implements Service {
  readonly events = new LeaderEmitter();
  readonly #options: ElectorOptions;
  readonly #nowMs: () => number;
  readonly #followers: ((leadership: Leadership) => void)[] = [];
  #reign: Reign | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #next: NodeJS.Timeout | undefined;
  #trying: Promise<void> | undefined;
  /** Whether the store may believe that this daemon holds the lease. */
  #mayHold = false;
  #isStopped = false;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#nowMs = options.monotonicMs ?? (() => performance.now());
  }

  /** This daemon's leadership, as long as it is to be trusted. */
  leading(): Leadership | undefined {
    const reign = this.#reign;
    return reign !== undefined && this.#nowMs() < reign.trustedUntilMs ? reign : undefined;
  }

  /** For how long in ms the present trust lasts without another try; 0 for who does not lead. */
  trustedForMs(): number {
    const reign = this.#reign;
    return reign === undefined ? 0 : Math.max(0, reign.trustedUntilMs - this.#nowMs());
  }

  /** `work` is told of each leadership that begins, and of the present one; it must not throw. */
  onLead(work: (leadership: Leadership) => void): void {
    this.#followers.push(work);
    const present = this.leading();
    if (present !== undefined) work(present);
  }

  /** Tries at once and from then on every so often. Resolves after the first try, however it ends. */
  async start(): Promise<void> {
    await this.attempt();
    this.#tryLater();
  }

  /** Ends the leadership and gives the lease back, where the store answers. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearTimeout(this.#next);
    await this.#trying;
    this.#end('resigned');
    if (!this.#mayHold) return;
    await this.#inTime(this.#options.record.resign()).catch((error: unknown) => {
      this.events.emit('failed', { error });
    });
  }

  /** One try. Never rejects; one at a time. */
  attempt(): Promise<void> {
    this.#trying ??= this.#attempt().finally(() => (this.#trying = undefined));
    return this.#trying;
  }

  async #attempt(): Promise<void> {
    if (this.#isStopped) return;
    const startedMs = this.#nowMs();
    this.#mayHold = true;
    try {
      const standing = await this.#inTime(this.#options.record.try(this.leading()?.term ?? 0));
      this.#mayHold = standing.kind === 'leads';
      this.#heed(standing, startedMs);
      this.events.emit('answered', {});
    } catch (error) {
      this.events.emit('failed', { error });
    }
  }

  #heed(standing: Standing, startedMs: number): void {
    if (standing.kind === 'follows') {
      this.#end('lost');
      return;
    }
    if (this.#isStopped) return;
    const trustedUntilMs = startedMs + trustMs(this.#options.lifeMs);
    if (this.leading()?.term !== standing.term) this.#end('expired');
    // The process was stopped, or the answer on its way, for longer than it counts.
    if (this.#nowMs() >= trustedUntilMs) return;
    if (this.#reign === undefined) this.#begin(standing.term, trustedUntilMs);
    else this.#reign.trustedUntilMs = trustedUntilMs;
    this.#expireInTime();
  }

  #expireInTime(): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => {
      // Timers may fire a little early.
      if (this.leading() === undefined) this.#end('expired');
      else this.#expireInTime();
    }, this.trustedForMs()).unref();
  }

  #begin(term: number, trustedUntilMs: number): void {
    const ending = new AbortController();
    const { holder } = this.#options;
    const reign = { holder, term, signal: ending.signal, ending, trustedUntilMs };
    this.#reign = reign;
    this.events.emit('began', { term });
    for (const work of this.#followers) work(reign);
  }

  #end(why: LeadershipEnd): void {
    const reign = this.#reign;
    if (reign === undefined) return;
    this.#reign = undefined;
    clearTimeout(this.#expiry);
    reign.ending.abort();
    this.events.emit('ended', { term: reign.term, why });
  }

  #tryLater(): void {
    if (this.#isStopped) return;
    // A fifth of jitter each way: a fleet that started together must not ask in step.
    const afterMs = this.#options.lifeMs * TRY_EVERY * (0.8 + 0.4 * Math.random());
    this.#next = setTimeout(() => {
      void this.attempt().then(() => this.#tryLater());
    }, afterMs).unref();
  }

  /** Rejects after the time of a try; what `work` still does then is not heeded. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    const limitMs = this.#options.lifeMs * TRY_TIMEOUT;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
