// Slotkeeper's heart as a program uses it: the Scheduler with its batcher and its defaults, in the
// caller's process, taking and giving back full leases.
import { configSchema } from '../../src/config/schema.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import type { AdmissionPolicy } from '../../src/scheduler/admission.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { AcquireRequest, ReleaseReport } from '../../src/scheduler/types.ts';
import { measurePairs } from '../harness/pairs.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Contender } from '../harness/rounds.ts';
import type { Bench } from '../harness/scenario.ts';

export const POOL = 'openai';

/** What the heart needs to know of an account. */
export interface BenchAccount {
  readonly name: string;
  readonly pool: string;
  readonly maxConcurrency: number;
  readonly weight: number;
  readonly priority: number;
  readonly enabled: boolean;
  readonly models: readonly string[];
}

/** `count` accounts alike, named as an operator would. */
export function accounts(count: number, maxConcurrency: number): readonly BenchAccount[] {
  return Array.from({ length: count }, (_, index) => account(index, { maxConcurrency }));
}

export function account(index: number, options: Partial<BenchAccount>): BenchAccount {
  return {
    name: `openai-prod-${String(index).padStart(5, '0')}`,
    pool: POOL,
    maxConcurrency: 10,
    weight: 1,
    priority: 0,
    enabled: true,
    models: ['gpt-4'],
    ...options,
  };
}

export interface OurOptions {
  readonly cell: string;
  readonly accounts: readonly BenchAccount[];
  readonly leaseMs: number;
  /** Tenants and budgets; nobody is registered and nothing is budgeted by default. */
  readonly admission?: AdmissionPolicy;
  /** Of its waiters, in which they ask by themselves; the product's default by default. */
  readonly checkIntervalMs?: number;
}

/** More than any scenario parks: what is measured is waiting, not being turned away. */
const MAX_WAITING = 100_000;

/** A started scheduler; what `options` does not name has the product's default. */
export async function startScheduler(
  bench: Bench,
  redis: RedisServer,
  options: OurOptions,
): Promise<Scheduler> {
  const defaults = configSchema.parse({ pools: {} });
  const { timeoutMs } = defaults.redis;
  const { cell, leaseMs, admission } = options;
  const client = await connectRedis(`redis://127.0.0.1:${redis.port}`, {
    timeoutMs,
    name: 'bench',
  });
  bench.defer(async () => client.disconnect());
  const scheduler = new Scheduler({
    ...defaults.scheduler,
    redis: client,
    cell,
    leaseMs,
    timeoutMs,
    keyStyle: 'plain',
    maxWaiting: MAX_WAITING,
    checkIntervalMs: options.checkIntervalMs ?? defaults.scheduler.checkIntervalMs,
  });
  await scheduler.configure(options.accounts, admission);
  await scheduler.start();
  bench.defer(() => scheduler.stop());
  await untilGranting(scheduler, options.accounts[0]?.models[0] ?? '');
  return scheduler;
}

/** A new cell grants nothing until daemons of an older one would have reported. */
async function untilGranting(scheduler: Scheduler, model: string): Promise<void> {
  const result = await scheduler.tryAcquire({ targets: [{ pool: POOL, model }] });
  if (result.kind === 'granted') {
    await result.lease.release();
    return;
  }
  if (result.reason !== 'recovering') throw new Error(`the cell does not grant: ${result.reason}`);
  await new Promise((resolve) => setTimeout(resolve, result.retryAfterMs));
  await untilGranting(scheduler, model);
}

export interface OurPairs {
  readonly name: string;
  readonly workers: number;
  readonly leaseMs: number;
  /** Asked for in each pair; a slot for `gpt-4` by default. */
  readonly request?: () => AcquireRequest;
  /** Told at each release. */
  readonly report?: ReleaseReport;
}

/** A slot for a model of the benches' pool. */
export function slotFor(model = 'gpt-4'): AcquireRequest {
  return { targets: [{ pool: POOL, model }] };
}

/**
 * Pairs of acquire and release. The lead-in is longer than a lease, so that expiry entries come due
 * and generations of finished ids rotate while it is measured: cleaning up is part of the cost.
 */
export function ourPairs(scheduler: Scheduler, redis: RedisServer, options: OurPairs): Contender {
  const { name, workers, leaseMs, request = slotFor, report } = options;
  const load = {
    workers,
    leadInMs: leadInMs(leaseMs),
    pair: async () => {
      const lease = await scheduler.acquire(request());
      await lease.release(report);
    },
    settle: () => settle(scheduler, leaseMs),
  };
  return { name, round: (seconds) => measurePairs(redis, load, seconds) };
}

export function leadInMs(leaseMs: number): number {
  return leaseMs + 200;
}

/** What is still due goes now, so that it burdens no neighbour's round. */
export async function settle(scheduler: Scheduler, leaseMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, leaseMs + 100));
  await scheduler.reap();
}

/** Short enough for entries to come due within a round. */
export function leaseMsOf(bench: Bench): number {
  return bench.quick ? 1000 : 3000;
}
