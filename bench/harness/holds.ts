// A contended loop: more workers than slots, each taking a slot, holding it for a time and giving
// it back. What it tells is how busy the slots were, how evenly the workers waited, and whether
// anybody was overtaken.
import type { Figures } from './scenario.ts';
import { percentile } from './stats.ts';

export interface HeldSlot {
  /** Among whom the order of arrival must hold. */
  readonly tenant: string;
  /** Rises with every grant. */
  readonly grant: number;
  giveBack(): unknown;
}

export interface HoldLoad {
  readonly workers: number;
  readonly holdMs: number;
  take(worker: number): Promise<HeldSlot>;
}

/** One request that was served; numbers are of arrival and of grant. */
interface Served {
  readonly tenant: string;
  readonly arrival: number;
  readonly grant: number;
  readonly askedMs: number;
  readonly waitMs: number;
}

/** The workers begin together; after this they stand in line as they will from then on. */
const LEAD_IN_MS = 1000;

/** Runs the load and gives its figures; a rejection of a worker ends the round. */
export async function measureHolds(load: HoldLoad, seconds: number): Promise<Figures> {
  const fromMs = performance.now() + LEAD_IN_MS;
  const untilMs = fromMs + seconds * 1000;
  const run = { untilMs, arrivals: 0, served: [] as Served[], ended: [] as number[] };
  await Promise.all(Array.from({ length: load.workers }, (_, worker) => loop(load, worker, run)));
  const ended = run.ended.filter((atMs) => atMs >= fromMs && atMs < untilMs).length;
  const waits = run.served.filter(({ askedMs }) => askedMs >= fromMs && askedMs < untilMs);
  const waitsMs = waits.map(({ waitMs }) => waitMs);
  const [p50, max] = [percentile(waitsMs, 0.5), percentile(waitsMs, 1)];
  return {
    holds_per_second: ended / seconds,
    wait_p50_ms: p50,
    wait_max_ms: max,
    wait_max_over_p50: max / p50,
    overtaken: overtaken(run.served),
  };
}

interface Run {
  readonly untilMs: number;
  arrivals: number;
  readonly served: Served[];
  /** When holds ended. */
  readonly ended: number[];
}

async function loop(load: HoldLoad, worker: number, run: Run): Promise<void> {
  while (performance.now() < run.untilMs) {
    const arrival = run.arrivals++;
    const askedMs = performance.now();
    const slot = await load.take(worker);
    const { tenant, grant } = slot;
    run.served.push({ tenant, arrival, grant, askedMs, waitMs: performance.now() - askedMs });
    await new Promise((resolve) => setTimeout(resolve, load.holdMs));
    run.ended.push(performance.now());
    await slot.giveBack();
  }
}

/** Requests that were served after one of their tenant's that had come later. */
export function overtaken(served: readonly Omit<Served, 'askedMs' | 'waitMs'>[]): number {
  const latest = new Map<string, number>();
  let count = 0;
  for (const { tenant, arrival } of served.toSorted((one, other) => one.grant - other.grant)) {
    const before = latest.get(tenant) ?? -1;
    if (arrival < before) count++;
    latest.set(tenant, Math.max(before, arrival));
  }
  return count;
}
