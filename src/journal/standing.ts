// Where the journals of a cell stand all together: how many there are, and how late their cuts are. It
// reads only, and names no session.
import type { Redis } from 'ioredis';
import { cellKeys, type KeyStyle } from '../redis/keys.ts';

export interface StandingSource {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  /** Cell time in ms for tests; this machine's own by default, which is near enough for people. */
  readonly clock?: (() => number) | undefined;
}

export interface Standing {
  readonly sessions: number;
  /** Whose cut could be tried now: nobody is at it, and it was not put off. */
  readonly due: number;
  /** For how long the first of them has been due. */
  readonly overdueMs: number;
}

/** Rejects as the store does. */
export async function readStanding({
  redis,
  cell,
  keyStyle,
  clock = Date.now,
}: StandingSource): Promise<Standing> {
  const { journalSessions, journalDue } = cellKeys(cell, keyStyle);
  const nowMs = clock();
  // Members that only keep the keys in being lie at the end of all time.
  const [sessions, due, [, first]] = await Promise.all([
    redis.zcount(journalSessions, '-inf', '(+inf'),
    redis.zcount(journalDue, '-inf', nowMs),
    redis.zrangebyscore(journalDue, '-inf', nowMs, 'WITHSCORES', 'LIMIT', 0, 1),
  ]);
  return { sessions, due, overdueMs: first === undefined ? 0 : Math.max(0, nowMs - Number(first)) };
}
