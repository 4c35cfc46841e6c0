// Schedulers on a test's own cell, the semaphore that they must not oversell, and waiting for what
// they tell.
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { SchedulerOptions } from '../../src/scheduler/types.ts';
import { anAccount } from './heart.ts';
import type { TestRedis } from './redis.ts';

export const TARGETS = [{ pool: 'openai', model: 'gpt-4' }] as const;

export type SchedulerWish = Partial<SchedulerOptions> & {
  readonly redis: Redis;
  readonly cell: string;
};

/** What a test does not name; nothing waits for recovery, nothing audits. */
export function schedulerOptions(wish: SchedulerWish): SchedulerOptions {
  return {
    keyStyle: 'plain',
    leaseMs: 30_000,
    maxLeaseMs: 60_000,
    reapIntervalMs: 100,
    rememberMs: 30_000,
    rememberMax: 10_000,
    recoveryMs: 0,
    maxCallsInFlight: 4,
    maxPendingOperations: 20_000,
    auditIntervalMs: 3_600_000,
    maxWaiting: 10_000,
    checkIntervalMs: 1000,
    timeoutMs: 5000,
    ...wish,
  };
}

/** A started scheduler that is stopped when its test ends. By default one account with 2 slots. */
export async function aScheduler(
  wish: SchedulerWish,
  accounts: readonly SchedulerAccount[] = [anAccount({ slots: 2 })],
): Promise<Scheduler> {
  const scheduler = new Scheduler(schedulerOptions(wish));
  await scheduler.configure(accounts);
  await scheduler.start();
  onTestFinished(() => scheduler.stop());
  return scheduler;
}

/** A scheduler on a cell of its own; its one account has two slots. */
export async function aLoneScheduler(store: TestRedis, wish: Partial<SchedulerWish> = {}) {
  const [redis, cell] = [store.redis, store.cell()];
  const scheduler = await aScheduler({ redis, cell, ...wish });
  return { scheduler, redis, cell, count: () => inFlight(redis, cell) };
}

/** In-flight requests for gpt-4 of openai, as `redis-cli GET` prints them. */
export async function inFlight(redis: Redis, cell: string): Promise<number> {
  const count = await redis.get(cellKeys(cell).concurrency(TARGETS[0]));
  return Number(count ?? Number.NaN);
}

/** Looks again after every tick of the scheduler until `holds`; the test's time is the limit. */
export async function untilTick(
  scheduler: Scheduler,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await holds())) await once(scheduler.events, 'tick');
}

/** Counts who is inside; never trusts the scheduler. */
export class Oracle {
  readonly #inside = new Map<string, number>();
  readonly #highest = new Map<string, number>();

  enter(account: string): void {
    const inside = (this.#inside.get(account) ?? 0) + 1;
    this.#inside.set(account, inside);
    this.#highest.set(account, Math.max(inside, this.#highest.get(account) ?? 0));
  }

  leave(account: string): void {
    this.#inside.set(account, (this.#inside.get(account) ?? 0) - 1);
  }

  /** The most that were ever inside at once, by account. */
  get highest(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#highest);
  }
}

export interface LoadReport {
  readonly served: number;
  readonly refused: Readonly<Record<string, number>>;
}

/** `workers` loops that take a slot, hold it for a turn of the event loop and give it back. */
export async function runLoad(
  schedulers: readonly Scheduler[],
  oracle: Oracle,
  { workers, requests }: { readonly workers: number; readonly requests: number },
): Promise<LoadReport> {
  let left = requests;
  let served = 0;
  const refused: Record<string, number> = {};
  const work = async (scheduler: Scheduler): Promise<void> => {
    while (left > 0) {
      left -= 1;
      try {
        await scheduler.withSlot({ targets: TARGETS }, async ({ account, signal }) => {
          if (signal.aborted) return;
          oracle.enter(account);
          await new Promise((resolve) => setImmediate(resolve));
          oracle.leave(account);
        });
        served += 1;
      } catch (error) {
        const { code = 'unknown' } = error as { code?: string };
        refused[code] = (refused[code] ?? 0) + 1;
      }
    }
  };
  const all = Array.from({ length: workers }, (_, i) => work(schedulers[i % schedulers.length]!));
  await Promise.all(all);
  return { served, refused };
}
