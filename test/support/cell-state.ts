// What a cell has stored, read key by key: leases as records, counters as numbers, the wheel as its
// entries, and everything at once for "nothing has changed".
import { CODES } from '../../src/redis/codes.ts';
import { readLease } from '../../src/redis/records.ts';
import type { LeaseRecord } from '../../src/redis/records.ts';
import type { Heart } from './heart.ts';

const SENTINEL = CODES.SENTINEL.name.replaceAll("'", '');

export interface WheelEntry {
  readonly at: number;
  readonly ids: readonly string[];
}

/** Leases by "tenant/id"; undefined for one that cannot be decoded. */
export async function leasesOf(heart: Heart): Promise<Record<string, LeaseRecord | undefined>> {
  const all = await heart.redis.hgetallBuffer(heart.keys.requests);
  const entries = Object.entries(all).filter(([id]) => id !== SENTINEL);
  return Object.fromEntries(entries.map(([id, raw]) => [id, readLease(raw)]));
}

async function hashOf(heart: Heart, key: string): Promise<Record<string, string>> {
  const { [SENTINEL]: sentinel, ...rest } = await heart.redis.hgetall(key);
  if (sentinel === undefined) throw new Error(`${key} has lost its sentinel`);
  return rest;
}

/** Leases in flight by account. */
export async function inFlightOf(heart: Heart): Promise<Record<string, number>> {
  const all = await hashOf(heart, heart.keys.inflight);
  return Object.fromEntries(Object.entries(all).map(([name, count]) => [name, Number(count)]));
}

/** What `redis-cli GET` prints for a (pool, model). */
export async function counterOf(
  heart: Heart,
  target = { pool: 'openai', model: 'gpt-4' },
): Promise<string | null> {
  return await heart.redis.get(heart.keys.concurrency(target));
}

/** Both generations of finished ids, "tenant/id" → END. */
export async function finishedOf(
  heart: Heart,
): Promise<{ readonly younger: readonly string[]; readonly older: readonly string[] }> {
  const younger = await hashOf(heart, heart.keys.finished);
  const older = await hashOf(heart, heart.keys.finishedBefore);
  return { younger: Object.keys(younger).sort(), older: Object.keys(older).sort() };
}

/** The wheel: which ids are looked at when. */
export async function wheelOf(heart: Heart): Promise<readonly WheelEntry[]> {
  const all = await heart.redis.zrangeBuffer(heart.keys.expiries, '0', '-1', 'WITHSCORES');
  const entries: WheelEntry[] = [];
  for (let i = 0; i < all.length; i += 2) {
    const [entry, score] = [all[i]!, Number(all[i + 1]!.toString())];
    if (entry.toString() === SENTINEL) continue;
    const texts = entry.subarray(1).toString('latin1').split('\0').slice(0, -1);
    entries.push({ at: score, ids: texts.slice(1) });
  }
  return entries;
}

/** Names of a class in order of choice, without the sentinel. */
export async function classOf(heart: Heart, number = 0): Promise<readonly string[]> {
  const names = await heart.redis.zrange(heart.keys.class(number), '0', '-1');
  return names.filter((name) => name !== SENTINEL);
}

export async function setAsideOf(heart: Heart): Promise<readonly string[]> {
  return Object.keys(await hashOf(heart, heart.keys.setAside)).sort();
}

/** Fields of the cell that every tick moves, whatever it does. */
const RESTLESS = new Set(['sequence', 'now', 'touches']);

/**
 * Every key of the cell with its content, but for what each tick writes: its sequence, clock and
 * touches, who ticked when, and the kept replies.
 */
export async function dumpOf(heart: Heart): Promise<Record<string, unknown>> {
  const { redis, keys, cell } = heart;
  const dump: Record<string, unknown> = {};
  for (const key of (await redis.keys(`*{${cell}}*`)).sort()) {
    if (key === keys.daemons || key === keys.replies) continue;
    const type = await redis.type(key);
    if (type === 'hash') {
      const fields = Object.entries(await redis.hgetallBuffer(key)).sort();
      const kept = fields.filter(([field]) => key !== keys.cell || !RESTLESS.has(field));
      dump[key] = kept.map(([field, value]) => [field, value.toString('hex')]);
    } else if (type === 'zset') {
      const words = await redis.zrangeBuffer(key, '0', '-1', 'WITHSCORES');
      dump[key] = words.map((word) => word.toString('hex'));
    } else if (type === 'list') {
      dump[key] = await redis.lrange(key, 0, -1);
    } else {
      dump[key] = await redis.get(key);
    }
  }
  return dump;
}

/** Ids of parked acquires, sorted. */
export async function waitersOf(heart: Heart): Promise<readonly string[]> {
  return Object.keys(await hashOf(heart, heart.keys.waiters)).sort();
}

/** The accounts of the ledger by "scope TAB first ms of the period". */
export async function ledgerOf(heart: Heart): Promise<Record<string, Record<string, number>>> {
  const all = await heart.redis.hgetallBuffer(heart.keys.ledger);
  const entries = Object.entries(all).filter(([field]) => field.includes('\t'));
  return Object.fromEntries(
    entries.map(([field, raw]) => {
      const names = ['settled', 'reserved', 'overrun', 'presumed', 'requests'];
      return [field, Object.fromEntries(names.map((name, i) => [name, raw.readDoubleLE(8 * i)]))];
    }),
  );
}

/** Another program has written to the cell: what the heart remembers of it holds no longer. */
export async function wroteBehind(heart: Heart): Promise<void> {
  await heart.redis.hincrby(heart.keys.cell, 'sequence', 1);
}
