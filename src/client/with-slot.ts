// One piece of work under one slot or one lane: acquire, renew while it runs, give back however it ends. It
// trusts its own monotonic clock for "in time": a lease that could not be renewed within its life
// counts as lost, whatever the store would say.
import { SlotkeeperApiError } from './errors.ts';
import type { SlotkeeperClient } from './client.ts';
import type { CallOptions, Hold, LaneHold, Slot, SlotOutcome } from './types.ts';

type Work<H, T> = (hold: H, signal: AbortSignal) => Promise<T> | T;
export type SlotWork<T> = Work<Slot, T>;
export type LaneWork<T> = Work<LaneHold, T>;

export interface WithSlotOptions {
  readonly signal?: AbortSignal;
  /** Outcome to report for an error that `work` threw; `failed` by default. */
  readonly outcomeOf?: (error: unknown) => SlotOutcome;
  /** Told of a release that failed: the slot then returns when its lease expires. */
  readonly onReleaseError?: (error: unknown) => void;
}

interface Job<H extends Hold, T> extends WithSlotOptions {
  readonly acquire: (options: CallOptions) => Promise<H>;
  readonly work: Work<H, T>;
}

/** What `work` gave or threw; a failing release never changes it. */
export async function runWithHold<H extends Hold, T>(
  client: SlotkeeperClient,
  job: Job<H, T>,
): Promise<T> {
  const acquiredAtMs = performance.now();
  const hold = await job.acquire(job.signal ? { signal: job.signal } : {});
  const lost = new AbortController();
  const signal = job.signal ? AbortSignal.any([job.signal, lost.signal]) : lost.signal;
  const stopRenewing = keepRenewing(client, { hold, acquiredAtMs, lost });
  let outcome: SlotOutcome = 'success';
  try {
    return await job.work(hold, signal);
  } catch (error) {
    outcome = job.signal?.aborted === true ? 'ignored' : (job.outcomeOf?.(error) ?? 'failed');
    throw error;
  } finally {
    stopRenewing();
    await client.release(hold, { outcome }).catch((error: unknown) => job.onReleaseError?.(error));
  }
}

interface Held {
  readonly hold: Hold;
  /** When the call that took it was sent: its lease began no earlier. */
  readonly acquiredAtMs: number;
  readonly lost: AbortController;
}

/** Returns the function that ends it. */
function keepRenewing(client: SlotkeeperClient, { hold, acquiredAtMs, lost }: Held): () => void {
  const { leaseMs, requestId, fence } = hold;
  let { leaseToken } = hold;
  const stopped = new AbortController();
  let confirmedAtMs = acquiredAtMs;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const lose = (cause: unknown): void => {
    stopped.abort();
    lost.abort(new SlotkeeperApiError('lease_lost', 'It is not held any more.', { cause }));
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
