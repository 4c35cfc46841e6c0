// Looks at a cell from outside: its counters, and an audit of the invariants. Needs no running
// scheduler and changes nothing.
import type { Redis } from 'ioredis';
import { cellKeys } from '../redis/keys.ts';
import type { KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { readTenantState } from '../redis/state-records.ts';
import { EVERYBODY, readBudgets } from './budgets.ts';
import type { BudgetView } from './budgets.ts';
import { readHealthReport } from './health.ts';
import type { AccountHealthView } from './health.ts';
import { readRegistry, scriptKeys, keyLists } from './registry.ts';

export interface InspectSource {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
}

export interface Counters {
  readonly accounts: readonly {
    readonly account: string;
    readonly pool: string;
    readonly limit: number;
    readonly inFlight: number;
    readonly enabled: boolean;
    /** Undefined where nothing is wrong with it. */
    readonly health: AccountHealthView | undefined;
  }[];
  readonly models: readonly {
    readonly pool: string;
    readonly model: string;
    readonly inFlight: number;
    /** What `redis-cli GET` reads. */
    readonly key: string;
  }[];
  readonly leases: number;
  /** Acquires that wait. */
  readonly waiting: number;
  /** Those among them that stand behind others of their session. */
  readonly laned: number;
  /** The budget over everything; undefined where there is none. */
  readonly budget: BudgetView | undefined;
  /** Budgets of tenants that have one. */
  readonly tenantBudgets: readonly BudgetView[];
  /** Tenants that hold slots. */
  readonly tenants: readonly { readonly tenant: string; readonly inFlight: number }[];
  readonly incarnation: number;
  readonly sequence: number;
  readonly generation: number;
}

/** Something that the leases contradict. */
export interface Difference {
  readonly where: string;
  readonly name: string;
  readonly expected: number;
  readonly found: number;
  readonly message: string;
}

export interface AuditReport {
  readonly differences: readonly Difference[];
  readonly leases: number;
  /** False where there were more leases than one look may read; only their number is known. */
  readonly complete: boolean;
}

/** Leases that one audit reads at most: its look is atomic, so it holds the store up meanwhile. */
const AUDIT_MOST = 100_000;
/** An expired lease is reaped within a tick interval; beyond this the reaper does not work. */
const AUDIT_PATIENCE_MS = 5000;

/** In-flight counts by account and by (pool, model). Not one instant: each part is read by itself. */
export async function readCounters({ redis, cell, keyStyle }: InspectSource): Promise<Counters> {
  const keys = cellKeys(cell, keyStyle);
  const registry = await readRegistry(redis, keys);
  const [inFlight, leases, facts, laned, budgets, tenants, report] = await Promise.all([
    redis.hgetall(keys.inflight),
    redis.hlen(keys.requests),
    redis.hmget(keys.cell, 'incarnation', 'sequence', 'generation', 'waiting'),
    redis.zlexcount(keys.line, '[s', '(t'),
    readBudgets({ redis, keys }),
    redis.hgetallBuffer(keys.tenantState),
    readHealthReport({ redis, keys }, { most: 1 }),
  ]);
  const counters = registry.models.map((entry) => keys.concurrency(entry));
  const counts = counters.length > 0 ? await redis.mget(counters) : [];
  const health = new Map(report.accounts.map((entry) => [entry.account, entry]));
  const [incarnation, sequence, generation, waiting] = facts.map((fact) => Number(fact ?? 0));
  return {
    accounts: registry.accounts.map(({ name, pool, maxConcurrency, enabled }) => {
      return {
        account: name,
        pool,
        limit: maxConcurrency,
        inFlight: Number(inFlight[name] ?? 0),
        enabled,
        health: health.get(name),
      };
    }),
    models: registry.models.map(({ pool, model }, i) => {
      return { pool, model, inFlight: Number(counts[i] ?? 0), key: counters[i] ?? '' };
    }),
    leases: Math.max(0, leases - 1),
    waiting: waiting ?? 0,
    laned,
    budget: budgets.find(({ scope }) => scope === EVERYBODY),
    tenantBudgets: budgets.filter(({ scope }) => scope !== EVERYBODY),
    tenants: Object.entries(tenants)
      .map(([tenant, raw]) => ({ tenant, inFlight: readTenantState(raw).inFlight }))
      .filter((one) => one.inFlight > 0),
    incarnation: incarnation ?? 0,
    sequence: sequence ?? 0,
    generation: generation ?? 0,
  };
}

const MEANINGS: Readonly<Record<string, string>> = {
  inflight: 'the in-flight count of the account is not the number of its leases',
  concurrency: 'the counter is not the number of leases of its pool and model',
  above_limit:
    'the account has more leases in flight than its limit (drains after a lowered limit)',
  index: 'the account is not in its class exactly when it has room',
  probes: 'a breaker has let through what it should not: nothing while open, then one probe',
  load: 'the account’s place in its class does not match its load',
  tenant: 'the tenant’s count of slots is not the number of its leases',
  flow: 'the count of the tenant at the pool is not the number of its leases there',
  reserved: 'what the ledger holds reserved is not the sum of the leases’ reserves',
  waiting: 'the number of waiters is not what the queue holds',
  moving: 'it waits for another account, but its lease is gone or has one',
  lane: 'the lane has more than one holder',
  lane_owner: 'the owner of the lane is gone',
  unreaped: 'the lease expired and was not reaped',
  undecodable: 'the record cannot be decoded',
  set_aside: 'records were set aside because they could not be decoded',
};

/** Checks the invariants on a live store in one atomic look of at most `most` leases. */
export async function audit(source: InspectSource, most = AUDIT_MOST): Promise<AuditReport> {
  const { redis, cell, keyStyle } = source;
  const keys = cellKeys(cell, keyStyle);
  const script = loadScripts().audit;
  const registry = await readRegistry(redis, keys);
  if (registry.generation === 0) return { differences: [], leases: 0, complete: true };
  const bound = bindKeys(script, scriptKeys(keys), keyLists(registry, keys));
  const head = Buffer.alloc(16);
  head.writeDoubleLE(most, 0);
  head.writeDoubleLE(AUDIT_PATIENCE_MS, 8);
  const [tag, leases, ...words] = (await callScript(redis, script, 'audit', bound, [head])) as [
    Buffer,
    number,
    ...(Buffer | number)[],
  ];
  const differences: Difference[] = [];
  for (let i = 0; i + 3 < words.length; i += 4) {
    const where = String(words[i]);
    const [expected, found] = [Number(words[i + 2]), Number(words[i + 3])];
    const message = MEANINGS[where] ?? where;
    differences.push({ where, name: String(words[i + 1]), expected, found, message });
  }
  return { differences, leases, complete: tag.toString() === 'audited' };
}
