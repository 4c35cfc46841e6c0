// Ticks that are repeated until the cell is as somebody wants it: until it grants, until nothing is
// left to reap.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TickReport } from './replies.ts';

type Tick = () => Promise<TickReport>;

/** Waits until the cell grants: one that is new, or has lost its data, lets holders register first. */
export async function untilGranting(tick: Tick): Promise<void> {
  for (;;) {
    const { recoveringMs } = await tick();
    if (recoveringMs === 0) return;
    await sleep(recoveringMs);
  }
}

/** Reaps all that is due now; returns the number of slots that came back. */
export async function reapAll(
  tick: Tick,
  { stepMs, isStopping }: { readonly stepMs: number; readonly isStopping: () => boolean },
): Promise<number> {
  for (let slots = 0; ;) {
    const { reaped, more, keepingMs } = await tick();
    slots += reaped;
    if (!more && (keepingMs === 0 || isStopping())) return slots;
    // In steps: a longer silence than between idle daemons would make the cell wait anew.
    if (!more) await sleep(Math.min(keepingMs + 1, stepMs));
  }
}
