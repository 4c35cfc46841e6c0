// Callers that take slots of a Scheduler, hold them and give them back, and the record that they keep
// of it. They run in processes of their own (programs/callers.ts); what they record is judged
// elsewhere (service-log.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppError } from '../../src/core/errors.ts';
import type { Lease } from '../../src/scheduler/lease.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { SchedulerOptions } from '../../src/scheduler/types.ts';

/** Callers that all do the same. */
export interface CallerGroup {
  readonly tenant: string;
  readonly callers: number;
  readonly holdMs: number;
  readonly waitMs: number;
  /** Requests of each caller, one after the other; without end by default. */
  readonly turns?: number;
  /** Between its requests; none by default. */
  readonly pauseMs?: number;
  /** Each request is given up after a random part of this, unless it is granted before. */
  readonly leavesWithinMs?: number;
  readonly reserveMicro?: number;
  readonly costMicro?: number;
}

/** One request. Times are of the machine's monotonic clock, which all of its processes share. */
export interface Service {
  readonly tenant: string;
  readonly waitMs: number;
  readonly askedAt: number;
  /** When the caller got its answer. */
  readonly from: number;
  /** When it was about to give the slot back; `from` where it got none. */
  readonly to: number;
  /** When it knew that the slot was free. */
  readonly freedAt: number;
  /** `served`, `lost`, or the code of its refusal. */
  readonly end: string;
  readonly account: string | undefined;
}

export type ToCallers =
  | {
      readonly kind: 'begin';
      readonly url: string;
      readonly options: Omit<SchedulerOptions, 'redis'>;
    }
  | { readonly kind: 'call'; readonly groups: readonly CallerGroup[] }
  | { readonly kind: 'stop' };

export type FromCallers =
  | { readonly kind: 'ready' }
  | { readonly kind: 'services'; readonly services: readonly Service[] }
  /** All callers have had their turns, or were stopped. */
  | { readonly kind: 'idle' };

const TARGETS = [{ pool: 'openai', model: 'gpt-4' }] as const;

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class Callers {
  readonly #scheduler: Scheduler;
  #services: Service[] = [];
  #isStopping = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Resolves when every caller of the groups has ended. */
  async run(groups: readonly CallerGroup[]): Promise<void> {
    const loops = groups.flatMap((group) => {
      return Array.from({ length: group.callers }, () => this.#loop(group));
    });
    await Promise.all(loops);
  }

  /** No further requests; those that wait are still answered. */
  stop(): void {
    this.#isStopping = true;
  }

  /** What was recorded since the last time. */
  takeServices(): readonly Service[] {
    const services = this.#services;
    this.#services = [];
    return services;
  }

  async #loop(group: CallerGroup): Promise<void> {
    const { turns = Infinity, pauseMs } = group;
    for (let turn = 0; turn < turns && !this.#isStopping; turn += 1) {
      await this.#turn(group);
      if (pauseMs !== undefined) await sleep(pauseMs);
    }
  }

  async #turn(group: CallerGroup): Promise<void> {
    const { tenant, holdMs, waitMs, costMicro } = group;
    const askedAt = monotonicMs();
    const answer = await this.#ask(group);
    const from = monotonicMs();
    if (typeof answer === 'string') {
      const refused = { from, to: from, freedAt: from, end: answer, account: undefined };
      this.#services.push({ tenant, waitMs, askedAt, ...refused });
      return;
    }
    await sleep(holdMs);
    const [to, { account }] = [monotonicMs(), answer];
    const end = answer.signal.aborted ? 'lost' : 'served';
    await answer.release({ ...(costMicro !== undefined && { costMicro }) });
    const freedAt = monotonicMs();
    this.#services.push({ tenant, waitMs, askedAt, from, to, freedAt, end, account });
  }

  /** A lease, or the code of the refusal. */
  async #ask(group: CallerGroup): Promise<Lease | string> {
    const { tenant, waitMs, reserveMicro = 0, leavesWithinMs } = group;
    const leaving = new AbortController();
    const timer =
      leavesWithinMs === undefined
        ? undefined
        : setTimeout(() => leaving.abort(), Math.random() * leavesWithinMs);
    try {
      const request = { targets: TARGETS, tenant, waitMs, reserveMicro, signal: leaving.signal };
      return await this.#scheduler.acquire(request);
    } catch (error) {
      return (error as AppError).code;
    } finally {
      clearTimeout(timer);
    }
  }
}
