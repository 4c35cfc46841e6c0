// Ticks that are repeated until the cell is as somebody wants it: until it grants, until nothing is
// left to reap.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../core/errors.ts';
import { DENIAL_MESSAGES } from './refusals.ts';
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

/**
 * Proves that the cell grants; rejects with `recovering` while it does not, and as the tick does where
 * that fails, unless the daemon serves without the store.
 */
export async function pingCell(tick: Tick, servesAlone: () => boolean): Promise<void> {
  const { recoveringMs } = await tick().catch((error: unknown) => {
    if (servesAlone()) return { recoveringMs: 0 };
    throw error;
  });
  if (recoveringMs === 0) return;
  throw new AppError('recovering', DENIAL_MESSAGES.recovering, { retryAfterMs: recoveringMs });
}
