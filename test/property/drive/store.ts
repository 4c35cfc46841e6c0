// What Redis holds for one cell, read whole after every step: as bytes, to see that nothing has
// changed, and decoded, to compare it with the model.
import type { Redis } from 'ioredis';
import type { Target } from '../../../src/core/domain.ts';
import { CODES } from '../../../src/redis/codes.ts';
import type { CellKeys } from '../../../src/redis/keys.ts';
import { readLease } from '../../../src/redis/records.ts';
import type { LeaseRecord } from '../../../src/redis/records.ts';
import { EMPTY_REGISTRY } from '../../../src/scheduler/plan.ts';
import type { Registry } from '../../../src/scheduler/plan.ts';

type Pairs = readonly (readonly [string, string])[];

/** Every key with its content; bytes as latin1 text. */
export type StoreImage = ReadonlyMap<string, string | Pairs>;

export interface StoredAccount {
  readonly isInUse: boolean;
  readonly class: number;
  readonly index: number;
  readonly limit: number;
  readonly capacity: number;
}

export interface WheelEntry {
  readonly atMs: number;
  readonly ids: readonly string[];
}

export interface StoredCell {
  readonly image: StoreImage;
  readonly registry: Registry;
  readonly facts: ReadonlyMap<string, string>;
  readonly leases: ReadonlyMap<string, LeaseRecord>;
  readonly finished: ReadonlyMap<string, string>;
  readonly finishedBefore: ReadonlyMap<string, string>;
  readonly inflight: ReadonlyMap<string, number>;
  readonly accounts: ReadonlyMap<string, StoredAccount>;
  readonly wheel: readonly WheelEntry[];
  /** class number → account → score. */
  readonly classes: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** "pool/model" → its counter, whether or not the registry names it. */
  readonly counters: ReadonlyMap<string, number>;
  readonly setAside: number;
}

const SENTINEL = '_';

/** All keys of the server: a property test has it to itself. */
export async function readImage(redis: Redis): Promise<StoreImage> {
  const names = (await redis.keys('*')).sort();
  const types = await Promise.all(names.map((name) => redis.type(name)));
  const contents = await Promise.all(names.map((name, i) => readKey(redis, name, types[i] ?? '')));
  return new Map(names.map((name, i) => [name, contents[i] ?? '']));
}

async function readKey(redis: Redis, name: string, type: string): Promise<string | Pairs> {
  if (type === 'string') return (await redis.getBuffer(name))?.toString('latin1') ?? '';
  if (type === 'list') return (await redis.lrange(name, 0, -1)).join('\n');
  if (type === 'hash') {
    const fields = Object.entries(await redis.hgetallBuffer(name));
    const pairs = fields.map(([field, value]) => [field, value.toString('latin1')] as const);
    return pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  }
  const words = await redis.zrangeBuffer(name, '0', '-1', 'WITHSCORES');
  const text = (i: number): string => words[i]?.toString('latin1') ?? '';
  return words.flatMap((_, i) => (i % 2 === 0 ? [[text(i), text(i + 1)] as const] : []));
}

/** Every key of the server as DUMP gives it. */
export type KeyDumps = readonly (readonly [string, Buffer])[];

export async function dumpKeys(redis: Redis): Promise<KeyDumps> {
  const names = await redis.keys('*');
  const dumps = await Promise.all(names.map((name) => redis.dumpBuffer(name)));
  return names.map((name, i) => [name, dumps[i]!] as const);
}

/** The server holds these keys, and no others. */
export async function restoreKeys(redis: Redis, keys: KeyDumps): Promise<void> {
  await redis.flushall();
  await Promise.all(keys.map(([name, dump]) => redis.restore(name, 0, dump)));
}

/** The cell in an image; undefined where it holds none. */
export function decodeImage(image: StoreImage, keys: CellKeys): StoredCell | undefined {
  if (!image.has(keys.cell)) return undefined;
  const pairs = (name: string): Pairs => {
    const content = image.get(name);
    if (content === undefined || typeof content === 'string') throw new Error(`${name} is missing`);
    return content.filter(([member]) => member !== SENTINEL);
  };
  const map = (name: string): Map<string, string> => new Map(pairs(name));
  const numbers = (name: string): Map<string, number> =>
    new Map(pairs(name).map(([member, value]) => [member, Number(value)]));
  const json = image.get(keys.registry);
  const registry = typeof json === 'string' ? (JSON.parse(json) as Registry) : EMPTY_REGISTRY;
  return {
    image,
    registry,
    facts: map(keys.cell),
    leases: new Map(pairs(keys.requests).map(([id, raw]) => [id, leaseOf(id, raw)])),
    finished: map(keys.finished),
    finishedBefore: map(keys.finishedBefore),
    inflight: numbers(keys.inflight),
    accounts: new Map(pairs(keys.accounts).map(([name, raw]) => [name, accountOf(raw)])),
    wheel: pairs(keys.expiries).map(([entry, at]) => entryOf(entry, Number(at))),
    classes: new Map(
      registry.classes.map(({ number }) => [number, numbers(keys.class(number))] as const),
    ),
    counters: countersOf(image, keys),
    setAside: pairs(keys.setAside).length,
  };
}

function leaseOf(id: string, raw: string): LeaseRecord {
  const lease = readLease(Buffer.from(raw, 'latin1'));
  if (lease === undefined) throw new Error(`the record of ${id} cannot be decoded`);
  return lease;
}

function accountOf(text: string): StoredAccount {
  const raw = Buffer.from(text, 'latin1');
  return {
    isInUse: raw.readUInt8(1) === 1,
    class: raw.readUInt16LE(2),
    index: raw.readUInt32LE(4),
    limit: raw.readUInt32LE(8),
    capacity: raw.readUInt32LE(12),
  };
}

/** How many ids, the entry's own name, the ids; texts end with a zero byte. */
function entryOf(text: string, atMs: number): WheelEntry {
  const count = text.charCodeAt(0);
  const ids = text.slice(1).split('\0').slice(1, -1);
  if (ids.length !== count) throw new Error(`an entry of ${count} ids names ${ids.length}`);
  return { atMs, ids };
}

function countersOf(image: StoreImage, keys: CellKeys): Map<string, number> {
  const prefix = keys.concurrency({ pool: '', model: '' }).slice(0, -1);
  const counters = new Map<string, number>();
  for (const [name, content] of image) {
    if (!name.startsWith(prefix)) continue;
    counters.set(name.slice(prefix.length).replace(':', '/'), Number(content));
  }
  return counters;
}

/** The ids of the wheel's entries that are due, as the heart reads them. */
export function dueEntries(cell: StoredCell | undefined, nowMs: number): string[][] {
  return (cell?.wheel ?? []).filter(({ atMs }) => atMs <= nowMs).map(({ ids }) => [...ids]);
}

export function targetOf(registry: Registry, number: number): Target | undefined {
  return registry.models.find((entry) => entry.number === number);
}

export const TOUCHES = CODES.LOAD.touches;
