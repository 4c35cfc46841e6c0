// Reads the cell's state into gauges when metrics are scraped. Several scrapers, or an eager one,
// cost the store one read a second at most. A store that is down costs the gauges, not the scrape.
import { msToSeconds } from '../core/units.ts';
import type { BudgetView } from '../scheduler/budgets.ts';
import type { AccountHealthView } from '../scheduler/health.ts';
import type { ServerMemory } from '../redis/server-memory.ts';
import type { Counters } from '../scheduler/inspect.ts';
import type { Metrics } from './registry.ts';
import { showTenants } from './tenant-metrics.ts';

const MAX_AGE_MS = 1000;

export interface CollectorOptions {
  readonly metrics: Metrics;
  /** Rejects when the store cannot be read. */
  readonly readCounters: () => Promise<Counters>;
  /** Rejects when the server does not tell. */
  readonly readMemory: () => Promise<ServerMemory>;
  /** Leases that this daemon holds. */
  readonly held: () => number;
  /** Acquires of this daemon that wait. */
  readonly waiting: () => number;
  /** Brings up to date what is counted by time. */
  readonly onCollect?: () => void;
  /** What other parts read from the store, as seldom as the counters; never rejects. */
  readonly readMore?: () => Promise<void>;
}

/** A function that brings the gauges up to date; concurrent calls share one read. */
export function createCollector(options: CollectorOptions): () => Promise<void> {
  let readAtMs = -Infinity;
  let running: Promise<unknown> | undefined;
  return async () => {
    options.onCollect?.();
    options.metrics.heldLeases.set(options.held());
    options.metrics.queueWaiting.set(options.waiting());
    if (performance.now() - readAtMs < MAX_AGE_MS) return;
    running ??= Promise.all([
      readInto(options),
      readMemoryInto(options),
      options.readMore?.(),
    ]).finally(() => {
      running = undefined;
      readAtMs = performance.now();
    });
    await running;
  };
}

/** Of several parts, at the same time. */
export async function readAll(
  readers: readonly { readMore(): Promise<void> }[],
  collectors: readonly { collect(): Promise<void> }[],
): Promise<void> {
  const ofReaders = readers.map((one) => one.readMore());
  await Promise.all([...ofReaders, ...collectors.map((one) => one.collect())]);
}

async function readInto({ metrics, readCounters }: CollectorOptions): Promise<void> {
  const counters = await readCounters().catch(() => undefined);
  // Removed accounts must not stay, and a value that could not be read must not look current.
  const { accountInFlight, accountLimit, modelInFlight, breakerState, accountCooling } = metrics;
  for (const gauge of [
    accountInFlight,
    accountLimit,
    modelInFlight,
    breakerState,
    accountCooling,
  ]) {
    gauge.reset();
  }
  showTenants(metrics, counters);
  metrics.storeUp.set(counters === undefined ? 0 : 1);
  if (counters === undefined) return;
  for (const { account, pool, limit, inFlight, health } of counters.accounts) {
    metrics.accountInFlight.set({ pool, account }, inFlight);
    metrics.accountLimit.set({ pool, account }, limit);
    metrics.breakerState.set({ pool, account }, worstOf(health));
    metrics.accountCooling.set({ pool, account }, msToSeconds(health?.coolsMs ?? 0));
  }
  for (const { pool, model, inFlight } of counters.models) {
    metrics.modelInFlight.set({ pool, model }, inFlight);
  }
  metrics.cellLeases.set(counters.leases);
  metrics.cellWaiting.set(counters.waiting);
  metrics.cellLaned.set(counters.laned);
  showBudget(metrics, counters.budget);
}

function showBudget(metrics: Metrics, budget: BudgetView | undefined): void {
  const { settledMicro = 0, reservedMicro = 0, overrunMicro = 0 } = budget ?? {};
  const [warnMicro, stopMicro] = [budget?.warnMicro ?? 0, budget?.stopMicro ?? 0];
  metrics.budgetSettled.set(settledMicro);
  metrics.budgetReserved.set(reservedMicro);
  metrics.budgetOverrun.set(overrunMicro);
  metrics.budgetWarn.set(Math.max(0, warnMicro));
  metrics.budgetStop.set(Math.max(0, stopMicro));
  const leftMicro = stopMicro - settledMicro - reservedMicro;
  metrics.budgetLeft.set(stopMicro > 0 ? Math.max(0, leftMicro) : NaN);
}

async function readMemoryInto({ metrics, readMemory }: CollectorOptions): Promise<void> {
  const memory = await readMemory().catch(() => undefined);
  metrics.storeMemoryUsed.set(memory?.usedBytes ?? NaN);
  metrics.storeMemoryMax.set(memory?.maxBytes ?? NaN);
}

const SEVERITY = { closed: 0, half_open: 1, open: 2 } as const;
const UNUSABLE = 3;

function worstOf(health: AccountHealthView | undefined): number {
  if (health?.disabled === true) return UNUSABLE;
  return Math.max(0, ...(health?.breakers.map(({ state }) => SEVERITY[state]) ?? []));
}
