// What the store holds when the load is over, read twice: key by key, without any code of the
// product, and by the product's own `slotkeeper audit`, as an operator would call it.
import type { Redis } from 'ioredis';
import { startBuilt } from '../support/process.ts';

/** A member that every structure keeps, so that it exists. */
const SENTINEL = '_';
const SCAN_COUNT = 1000;
/** Bytes of a ledger's entry: doubles, one after the other. */
const LEDGER = { settled: 0, reserved: 8 } as const;
const EVERYBODY = '*\t';

/** Structures that hold nothing but their sentinel when nobody holds or wants anything. */
const EMPTY_AT_REST = ['requests', 'waiters', 'set-aside', 'line'];

/** One line for each thing that is left; none when the store is at rest. */
export async function findLeftovers(redis: Redis): Promise<readonly string[]> {
  const keys = await allKeys(redis);
  const found = await Promise.all(keys.map((key) => leftoversAt(redis, key)));
  const counters = keys.filter((key) => key.startsWith('concurrency:'));
  // A store without them would be at rest, too.
  return counters.length === 0 ? ['there are no counters at all'] : found.flat();
}

async function allKeys(redis: Redis): Promise<readonly string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'COUNT', SCAN_COUNT);
    for (const key of page) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...keys].sort();
}

async function leftoversAt(redis: Redis, key: string): Promise<readonly string[]> {
  const name = key.split(':').slice(2).join(':');
  if (key.startsWith('concurrency:')) {
    const count = await redis.get(key);
    return count === '0' ? [] : [`${key} is ${String(count)}`];
  }
  if (EMPTY_AT_REST.includes(name)) return await membersOf(redis, key);
  if (name === 'inflight') return await nonZeroOf(redis, key);
  if (name === 'cell') {
    const waiting = (await redis.hget(key, 'waiting')) ?? '0';
    return waiting === '0' ? [] : [`${key} counts ${waiting} waiters`];
  }
  if (name === 'ledger') {
    const reserved = await sumOf(redis, key, LEDGER.reserved);
    return reserved === 0 ? [] : [`${key} reserves ${reserved}`];
  }
  return [];
}

async function membersOf(redis: Redis, key: string): Promise<readonly string[]> {
  const type = await redis.type(key);
  const members = type === 'hash' ? await redis.hkeys(key) : await redis.zrange(key, '0', '-1');
  const count = members.filter((member) => member !== SENTINEL).length;
  return count === 0 ? [] : [`${key} has ${count} members`];
}

async function nonZeroOf(redis: Redis, key: string): Promise<readonly string[]> {
  const counts = Object.entries(await redis.hgetall(key));
  return counts
    .filter(([field, count]) => field !== SENTINEL && count !== '0')
    .map(([field, count]) => `${key} says ${count} of ${field}`);
}

async function sumOf(redis: Redis, key: string, offset: number): Promise<number> {
  const entries = Object.entries(await redis.hgetallBuffer(key));
  return entries
    .filter(([field]) => field.startsWith(EVERYBODY))
    .reduce((sum, [, raw]) => sum + raw.readDoubleLE(offset), 0);
}

/** The store's side of the bill, in micro-units. */
export interface StoredMoney {
  /** In all: also what was presumed of holders that died. */
  readonly settledMicro: number;
  /** Settled by their holders, by the run that the clients named. */
  readonly byRun: ReadonlyMap<string, number>;
}

export async function readMoney(redis: Redis): Promise<StoredMoney> {
  const keys = await allKeys(redis);
  const keyOf = (name: string): string => keys.find((key) => key.endsWith(`:${name}`)) ?? '';
  const spent = Object.entries(await redis.hgetall(keyOf('run-spend')));
  const runs = spent.filter(([field]) => field !== SENTINEL);
  return {
    settledMicro: await sumOf(redis, keyOf('ledger'), LEDGER.settled),
    byRun: new Map(runs.map(([field, micro]) => [field.split('\t')[1] ?? '', Number(micro)])),
  };
}

/** What the product's own audit finds; undefined for nothing. */
export async function auditByProduct(redisUrl: string): Promise<string | undefined> {
  const audit = startBuilt('cli/main.js', ['audit', '--redis', redisUrl, '--cell', 'main']);
  const { code } = await audit.ended;
  return code === 0 ? undefined : `slotkeeper audit: ${audit.stdout()}${audit.stderr()}`.trim();
}
