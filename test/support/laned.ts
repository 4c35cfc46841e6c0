// What tests of lanes ask of the heart: acquires in a session's lane, and other daemons on its cell.
import { Heart, acquire } from './heart.ts';
import type { AcquireWish } from './heart.ts';
import type { Operation } from '../../src/scheduler/wire.ts';

export type LaneWish = AcquireWish & { readonly of?: string };

/** In the lane of session `s1`, unless told otherwise; may wait. */
export const laned = (id: string, { of = 's1', ...wish }: LaneWish = {}): Operation =>
  acquire(id, { waitMs: 1000, session: { digest: of, isSticky: false, isLane: true }, ...wish });

/** A second daemon on the same cell. */
export async function anotherDaemon(heart: Heart, name: string): Promise<Heart> {
  const other = new Heart(heart.redis, { cell: heart.cell, daemon: name });
  await other.adopt();
  return other;
}
