// One piece of work under one lease, on a slot or on a lane alone: taken before, given back however
// the work ends.
import type { Lease } from './lease.ts';
import type { AcquireRequest, LaneHold, LaneOptions } from './types.ts';
import { MAX_WAIT_MS } from './asking.ts';

/** What `work` gives or throws; a release that fails changes nothing about it. */
export async function runWithLease<T>(
  acquiring: Promise<Lease>,
  work: (lease: Lease) => Promise<T>,
): Promise<T> {
  const lease = await acquiring;
  let isDone = false;
  try {
    const result = await work(lease);
    isDone = true;
    return result;
  } finally {
    await lease.release({ outcome: isDone ? 'success' : 'failed' }).catch(() => undefined);
  }
}

/** Of work alone in its lane. */
export type LaneWork<T> = (hold: LaneHold) => Promise<T>;

/** The request for a session's lane alone: it waits as long as it may, unless it is told otherwise. */
export function laneRequest(session: string, options: LaneOptions = {}): AcquireRequest {
  return { targets: [], session, lane: true, waitMs: MAX_WAIT_MS, ...options };
}

/** The same as runWithLease() for a lane alone. */
export function runInLane<T>(acquiring: Promise<Lease>, work: LaneWork<T>): Promise<T> {
  return runWithLease(acquiring, ({ fence, signal }) => work({ fence, signal }));
}
