// One slot that goes from holder to waiter and back: how long the waiter learns of it after the
// holder gave it back. It times nothing but that; who waits is parked before the clock starts.
import type { Figures } from './scenario.ts';
import { percentile } from './stats.ts';

/** Somebody with connections of its own who can hold the one slot, or wait for it. */
export interface Party {
  /** Begins to wait; `parked` resolves once it does, `granted` once it has the slot. */
  wait(): { readonly parked: Promise<unknown>; readonly granted: Promise<unknown> };
  giveBack(): unknown;
}

/** At most this long after the waiter was parked; spread, for who polls must not be met in step. */
const HOLD_MS = 20;

/** Parties take the slot from each other in turn; the first must hold it already. */
export async function measureHandOffs(
  parties: readonly [Party, Party],
  seconds: number,
): Promise<Figures> {
  const latenciesMs: number[] = [];
  const untilMs = performance.now() + seconds * 1000;
  let [holder, waiter] = parties;
  // An even number of turns, so that the slot is again where it began.
  while (performance.now() < untilMs || holder !== parties[0]) {
    const { parked, granted } = waiter.wait();
    await parked;
    await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * HOLD_MS));
    const begunMs = performance.now();
    const returned = holder.giveBack();
    await granted;
    latenciesMs.push(performance.now() - begunMs);
    await returned;
    [holder, waiter] = [waiter, holder];
  }
  return {
    hand_offs: latenciesMs.length,
    hand_off_p50_ms: percentile(latenciesMs, 0.5),
    hand_off_p99_ms: percentile(latenciesMs, 0.99),
  };
}
