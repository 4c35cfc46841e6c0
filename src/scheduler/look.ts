// One atomic look at what the heart looks at when it admits a request. It reads, and judges nothing.
import type { Redis } from 'ioredis';
import type { Target } from '../core/domain.ts';
import { CODES } from '../redis/codes.ts';
import { readHealth } from '../redis/health-records.ts';
import type { HealthRecord } from '../redis/health-records.ts';
import type { CellKeys } from '../redis/keys.ts';
import {
  readAccountRest,
  readBinding,
  readPoolFlow,
  readTenantFlow,
  readTenantState,
  readTenantTerms,
} from '../redis/state-records.ts';
import type { SessionBinding, TenantTerms } from '../redis/state-records.ts';
import type { RegisteredAccount, Registry } from './plan.ts';

export interface LookSource {
  readonly redis: Redis;
  readonly keys: CellKeys;
  /** Cell time for tests; the server's own by default. */
  readonly clock?: () => number;
}

/** An account that may serve a target of a request. */
export interface Candidate {
  readonly account: RegisteredAccount;
  readonly target: Target;
  /** Of the target, from 0. */
  readonly number: number;
}

/** Candidates of a request, target by target in their order, by tier and load. */
export function candidates(registry: Registry, targets: readonly Target[]): readonly Candidate[] {
  return targets.flatMap((target, number) =>
    registry.accounts
      .filter(({ pool, models }) => pool === target.pool && models.includes(target.model))
      .map((account) => ({ account, target, number })),
  );
}

export interface Look {
  readonly nowMs: number;
  readonly waiting: number;
  readonly inFlight: ReadonlyMap<string, number>;
  readonly rests: ReadonlyMap<string, number>;
  /** Accounts with which something is wrong. */
  readonly health: ReadonlyMap<string, HealthRecord>;
  readonly terms: TenantTerms | undefined;
  readonly state: ReturnType<typeof readTenantState>;
  readonly flow: ReturnType<typeof readTenantFlow>;
  readonly pool: ReturnType<typeof readPoolFlow>;
  readonly ledger: Readonly<Record<string, Buffer>>;
  /** The account that the session was served by last; undefined without a session, or a new one. */
  readonly binding: SessionBinding | undefined;
}

type Texts = readonly (string | null)[];
type Bytes = Buffer | null;

/** What the commands of one look answer, in their order. */
type LookReplies = readonly [
  cell: Texts,
  counts: Texts,
  rests: readonly Bytes[],
  health: readonly Bytes[],
  terms: Bytes,
  state: Bytes,
  flow: Bytes,
  pool: Bytes,
  ledger: Readonly<Record<string, Buffer>>,
  younger: Bytes,
  older: Bytes,
  time: readonly (string | number)[],
];

interface LookAt {
  readonly tenant: string;
  /** Of the first target. */
  readonly pool: string;
  /** Its digest (session-key.ts). */
  readonly session: string | undefined;
}

export async function look(
  { redis, keys, clock }: LookSource,
  names: readonly string[],
  { tenant, pool, session }: LookAt,
): Promise<Look> {
  const name = session === undefined ? CODES.SENTINEL.name : `${tenant}/${session}`;
  const asked = names.length > 0 ? names : [CODES.SENTINEL.name];
  const results = await redis
    .multi()
    .hmget(keys.cell, 'now', 'waiting')
    .hmget(keys.inflight, ...asked)
    .hmgetBuffer(keys.accountState, ...asked)
    .hmgetBuffer(keys.health, ...asked)
    .hgetBuffer(keys.tenants, tenant)
    .hgetBuffer(keys.tenantState, tenant)
    .hgetBuffer(keys.flows, `${pool}\t${tenant}`)
    .hgetBuffer(keys.flows, pool)
    .hgetallBuffer(keys.ledger)
    .hgetBuffer(keys.sessions, name)
    .hgetBuffer(keys.sessionsBefore, name)
    .time()
    .exec();
  const values = (results ?? []).map(([, value]) => value) as unknown as LookReplies;
  const [cell, counts, rests, health, terms, state, flow, pools, ledger, younger, older, time] =
    values;
  const [now, waiting] = cell;
  const [seconds = 0, micros = 0] = time.map(Number);
  const server = seconds * 1000 + Math.floor(micros / 1000);
  return {
    nowMs: clock?.() ?? Math.max(Number(now ?? 0), server),
    waiting: Number(waiting ?? 0),
    inFlight: new Map(names.map((name, i) => [name, Number(counts[i] ?? 0)])),
    rests: new Map(names.map((name, i) => [name, readAccountRest(rests[i])])),
    health: healthIn(names, health),
    terms: readTenantTerms(terms),
    state: readTenantState(state),
    flow: readTenantFlow(flow),
    pool: readPoolFlow(pools),
    ledger,
    binding: readBinding(younger) ?? readBinding(older),
  };
}

function healthIn(
  names: readonly string[],
  raws: readonly Bytes[],
): ReadonlyMap<string, HealthRecord> {
  const found = new Map<string, HealthRecord>();
  names.forEach((name, i) => {
    const raw = raws[i];
    const record = raw ? readHealth(raw) : undefined;
    if (record !== undefined) found.set(name, record);
  });
  return found;
}
