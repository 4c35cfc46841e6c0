// One piece of work under one slot: acquire, renew while it runs, give back however it ends. It
// trusts its own monotonic clock for "in time": a lease that could not be renewed within its life
// counts as lost, whatever the store would say.
import { SlotkeeperApiError } from './errors.ts';
import type { SlotkeeperClient } from './client.ts';
import type { Slot, SlotOutcome, SlotRequest } from './types.ts';

export type SlotWork<T> = (slot: Slot, signal: AbortSignal) => Promise<T> | T;

export interface WithSlotOptions {
  readonly signal?: AbortSignal;
  /** Outcome to report for an error that `work` threw; `failed` by default. */
  readonly outcomeOf?: (error: unknown) => SlotOutcome;
  /** Told of a release that failed: the slot then returns when its lease expires. */
  readonly onReleaseError?: (error: unknown) => void;
}

interface Job<T> extends WithSlotOptions {
  readonly request: SlotRequest;
  readonly work: SlotWork<T>;
}

/** What `work` gave or threw; a failing release never changes it. */
export async function runWithSlot<T>(client: SlotkeeperClient, job: Job<T>): Promise<T> {
  const acquiredAtMs = performance.now();
  const slot = await client.acquire(job.request, job.signal ? { signal: job.signal } : {});
  const lost = new AbortController();
  const signal = job.signal ? AbortSignal.any([job.signal, lost.signal]) : lost.signal;
  const stopRenewing = keepRenewing(client, { slot, acquiredAtMs, lost });
  let outcome: SlotOutcome = 'success';
  try {
    return await job.work(slot, signal);
  } catch (error) {
    outcome = job.signal?.aborted === true ? 'ignored' : (job.outcomeOf?.(error) ?? 'failed');
    throw error;
  } finally {
    stopRenewing();
    await client.release(slot, { outcome }).catch((error: unknown) => job.onReleaseError?.(error));
  }
}

interface Held {
  readonly slot: Slot;
  /** When the call that took the slot was sent: its lease began no earlier. */
  readonly acquiredAtMs: number;
  readonly lost: AbortController;
}

/** Returns the function that ends it. */
function keepRenewing(client: SlotkeeperClient, { slot, acquiredAtMs, lost }: Held): () => void {
  const { leaseMs, requestId, fence } = slot;
  let { leaseToken } = slot;
  const stopped = new AbortController();
  let confirmedAtMs = acquiredAtMs;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const lose = (cause: unknown): void => {
    stopped.abort();
    lost.abort(new SlotkeeperApiError('lease_lost', 'The slot is not held any more.', { cause }));
  };
  const renew = async (): Promise<void> => {
    const sentAtMs = performance.now();
    // AbortSignal.timeout takes whole milliseconds only.
    const leftMs = Math.max(0, Math.floor(confirmedAtMs + leaseMs - sentAtMs));
    try {
      const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(leftMs)]);
      const renewed = await client.renew({ requestId, fence, leaseToken }, { leaseMs, signal });
      leaseToken = renewed.leaseToken;
      confirmedAtMs = sentAtMs;
    } catch (error) {
      if (stopped.signal.aborted) return;
      const isGone = error instanceof SlotkeeperApiError && error.code === 'lease_not_found';
      if (isGone || performance.now() >= confirmedAtMs + leaseMs) {
        lose(error);
        return;
      }
    }
    // The work may have ended while the answer was on its way.
    if (stopped.signal.aborted) return;
    const leftAfterMs = Math.max(0, confirmedAtMs + leaseMs - performance.now());
    timer = setTimeout(() => void renew(), Math.min(leaseMs / 3, leftAfterMs));
  };
  timer = setTimeout(() => void renew(), leaseMs / 3);
  return () => {
    clearTimeout(timer);
    stopped.abort();
  };
}
