// A cell in which every slot is taken and a crowd waits, all the time: each pair gives the longest
// held slot back, which passes to a waiter, and one more request joins the queue.
import { setMaxListeners } from 'node:events';
import type { Lease } from '../../src/scheduler/lease.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { AcquireRequest, ReleaseReport } from '../../src/scheduler/types.ts';
import { measurePairs } from '../harness/pairs.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Contender } from '../harness/rounds.ts';

export interface CrowdOptions {
  readonly name: string;
  /** All of the cell's. */
  readonly slots: number;
  /** Requests in the queue, those aside that are on their way to it. */
  readonly waiters: number;
  readonly workers: number;
  readonly request: () => AcquireRequest;
  readonly report: ReleaseReport;
}

/** Longer than a slot is held, however slow the machine: nothing is renewed or reaped here. */
const LEASE_MS = 600_000;
const WAIT_MS = 86_400_000;
/** Before a cell has seen hand-offs it takes the first one's delay for their rate, and turns away. */
const FIRST_HAND_OFFS = 1000;

export function crowd(scheduler: Scheduler, redis: RedisServer, options: CrowdOptions): Contender {
  return {
    name: options.name,
    round: async (seconds) => {
      const gathered = new Crowd(scheduler, options);
      await gathered.gather();
      const load = {
        workers: options.workers,
        pair: () => gathered.pass(),
        settle: () => gathered.disperse(),
      };
      const figures = await measurePairs(redis, load, seconds);
      return { redis_us_per_operation: (figures['redis_us_per_pair'] ?? 0) / 2, ...figures };
    },
  };
}

class Crowd {
  readonly #scheduler: Scheduler;
  readonly #options: CrowdOptions;
  readonly #end = new AbortController();
  /** Longest held first. What was given back stays in front of `#next`. */
  readonly #held: Lease[] = [];
  #next = 0;
  /** Acquires that have not been answered finally. */
  #asking = 0;
  #failure: Error | undefined;

  constructor(scheduler: Scheduler, options: CrowdOptions) {
    this.#scheduler = scheduler;
    this.#options = options;
    setMaxListeners(0, this.#end.signal);
  }

  /** Takes every slot, passes some on, then lets the crowd queue. */
  async gather(): Promise<void> {
    const { slots, waiters, workers } = this.#options;
    await this.#joinUntil(slots + workers);
    for (let passed = 0; passed < FIRST_HAND_OFFS; passed += workers) {
      await Promise.all(Array.from({ length: workers }, () => this.pass()));
    }
    await this.#joinUntil(slots + workers + waiters);
  }

  /** Until so many take part: every slot is held, and all others wait. */
  async #joinUntil(size: number): Promise<void> {
    const { workers } = this.#options;
    for (let joined = this.#size; joined < size; joined++) {
      this.#join();
      if (joined % workers === 0) await this.#scheduler.ping();
    }
    while (this.#held.length - this.#next + this.#scheduler.waiting() < size) {
      this.#throwFailure();
      await this.#scheduler.ping();
    }
  }

  /** Those that hold a slot, wait for one, or are on their way. */
  get #size(): number {
    return this.#asking + this.#held.length - this.#next;
  }

  async pass(): Promise<void> {
    const lease = this.#held[this.#next++];
    this.#throwFailure();
    if (lease === undefined) throw new Error('free slots beside waiters: grants were lost');
    const released = lease.release(this.#options.report);
    this.#join();
    await released;
  }

  /** Empties the queue first, so that nothing is handed to it any more. */
  async disperse(): Promise<void> {
    this.#end.abort();
    while (this.#asking > 0) await this.#scheduler.ping();
    const { workers } = this.#options;
    for (; this.#next < this.#held.length; this.#next += workers) {
      const some = this.#held.slice(this.#next, this.#next + workers);
      await Promise.all(some.map((lease) => lease.release()));
    }
  }

  #join(): void {
    const request = { ...this.#options.request(), waitMs: WAIT_MS, signal: this.#end.signal };
    this.#asking++;
    this.#scheduler
      .acquire({ ...request, renewal: 'by-holder', leaseMs: LEASE_MS })
      .then((lease) => {
        this.#asking--;
        this.#held.push(lease);
      })
      .catch((error: unknown) => {
        this.#asking--;
        if (!this.#end.signal.aborted) this.#failure ??= error as Error;
      });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
