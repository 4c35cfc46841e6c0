// How a question that the store has queued is asked again, and which answers decide it. It waits for
// nothing and sends nothing.
import { CODES } from '../redis/codes.ts';
import type { AcquireAsked } from './acquiring.ts';
import type { MoveAsked } from './moving.ts';
import type { Answer } from './replies.ts';
import type { Operation } from './wire.ts';

const TAG = CODES.TAG;

/**
 * The same question at performance.now() `now`. A move says how long it may wait from then on, until
 * `endMs`: its arrival is older than its waiting.
 */
export function againOf(
  op: AcquireAsked | MoveAsked,
  queued: Answer,
  endMs: number,
): (now: number) => Operation {
  if (op.kind === 'move') return (now) => ({ ...op, waitMs: Math.max(0, Math.floor(endMs - now)) });
  const again = acquireAgain(op, queued);
  return () => again;
}

/** A cell that has lost its data knows no moving lease before it is registered again. */
export function isDecided(op: Operation, { tag, detail }: Answer): boolean {
  const isEarly = op.kind === 'move' && tag === TAG.denied && detail === CODES.REASON.recovering;
  return tag !== TAG.queued && !isEarly;
}

/** `queued.fence` is the cell time of its arrival. */
function acquireAgain(op: AcquireAsked, queued: Answer): Operation {
  const { id, demand, leaseMs, claim, waitMs = 0, priority, tokens, reserveMicro, session } = op;
  return {
    kind: 'acquire',
    id,
    demand,
    leaseMs,
    claim,
    isFresh: false,
    waitMs,
    arrivedAt: queued.fence,
    ...(priority !== undefined && { priority }),
    ...(tokens !== undefined && { tokens }),
    ...(reserveMicro !== undefined && { reserveMicro }),
    session,
  };
}
