// Carries the plan out as an open loop (a slow answer delays nobody else's request, up to a bound) and
// keeps the clients' ledger: every request that was sent, and exactly one outcome of each.
import { setTimeout as sleep } from 'node:timers/promises';
import { setMaxListeners } from 'node:events';
import { seededRandom } from '../../src/sim/random.ts';
import { DAEMONS, SLOTS, TOKENS } from './configuration.ts';
import { send, type EndedRequest, type RunningRequest } from './client.ts';
import { plannedRequests, type PlannedRequest } from './plan.ts';

export interface LoadOptions {
  readonly requests: number;
  readonly seed: number;
  /** Where the n-th daemon is reached. */
  readonly urlOf: (daemon: number) => string;
  readonly signal: AbortSignal;
}

/**
 * Requests that a daemon may have before others get the next one, as a balancer would do it. So the
 * queue is bounded, also where the machine is too busy for the pace: nobody is refused for the load.
 */
const MOST_AT_ONE = Math.ceil((2 * SLOTS) / DAEMONS);
const FULL_MS = 10;

/** A fault that takes its time is met by further requests, up to this many times the planned. */
const MOST_TIMES = 8;

export class Load {
  readonly #options: LoadOptions;
  readonly #plan: Generator<PlannedRequest>;
  readonly #running = new Map<number, RunningRequest>();
  readonly #ended: EndedRequest[] = [];
  readonly #ends: Promise<void>[] = [];
  #sent = 0;
  #isEnough = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#plan = plannedRequests(options.requests, seededRandom(options.seed));
    setMaxListeners(0, options.signal);
  }

  get sent(): number {
    return this.#sent;
  }

  get ended(): readonly EndedRequest[] {
    return this.#ended;
  }

  /** Requests of one daemon that have no outcome yet. */
  running(daemon: number): readonly RunningRequest[] {
    return [...this.#running.values()].filter(({ planned }) => planned.daemon === daemon);
  }

  /** Sends until the planned number is reached and `enough` was called; resolves when all ended. */
  async run(): Promise<void> {
    const { requests, signal } = this.#options;
    let dueAt = performance.now();
    for (const planned of this.#plan) {
      const isComplete = this.#sent >= requests && this.#isEnough;
      if (isComplete || this.#sent >= MOST_TIMES * requests || signal.aborted) break;
      dueAt += planned.gapMs;
      const early = dueAt - performance.now();
      if (early > 1) await sleep(early, undefined, { signal }).catch(() => undefined);
      const daemon = await this.#withRoom(planned.daemon);
      this.#send({ ...planned, daemon });
    }
    await Promise.all(this.#ends);
  }

  /** The wanted daemon, or else the next one that has room. */
  async #withRoom(wanted: number): Promise<number> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      for (let next = 0; next < DAEMONS; next += 1) {
        const daemon = (wanted + next) % DAEMONS;
        if (this.running(daemon).length < MOST_AT_ONE) return daemon;
      }
      await sleep(FULL_MS, undefined, { signal }).catch(() => undefined);
    }
    return wanted;
  }

  /** No more requests are needed beyond the planned number. */
  enough(): void {
    this.#isEnough = true;
  }

  /** So many requests at once, whose clients leave at a random moment within the time. */
  burst(count: number, leaveWithinMs: number): void {
    const random = seededRandom(this.#options.seed + 1);
    for (let sent = 0; sent < count; sent += 1) {
      const next = this.#plan.next();
      if (next.done === true) return;
      this.#send({ ...next.value, leavesAfterMs: Math.floor(random() * leaveWithinMs) });
    }
  }

  /** So many streams of one daemon, each of which lasts so long once it has a slot; their indexes. */
  sendLong(count: number, daemon: number, lastsMs: number): readonly number[] {
    const indexes: number[] = [];
    for (let sent = 0; sent < count; sent += 1) {
      const next = this.#plan.next();
      if (next.done === true) break;
      const { index } = next.value;
      const chunkMs = Math.floor(lastsMs / TOKENS);
      const change = { daemon, chunkMs, stream: true, latencyMs: 0, leavesAfterMs: undefined };
      this.#send({ ...next.value, ...change });
      indexes.push(index);
    }
    return indexes;
  }

  #send(planned: PlannedRequest): void {
    const { urlOf, signal } = this.#options;
    const running = { planned, startedAt: performance.now(), bytes: 0 };
    this.#sent += 1;
    this.#running.set(planned.index, running);
    const end = send(urlOf(planned.daemon), running, signal).then((ended) => {
      this.#running.delete(planned.index);
      this.#ended.push(ended);
    });
    this.#ends.push(end);
  }
}
