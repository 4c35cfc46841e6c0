// Budgets and spend as people look at them: what is settled and reserved under each budget in its
// current period, and where money went. It reads; the heart alone writes (lua/budget).
import type { Redis } from 'ioredis';
import { CODES } from '../redis/codes.ts';
import type { CellKeys } from '../redis/keys.ts';
import { readLedgerEntry, readTenantTerms } from '../redis/state-records.ts';
import type { LedgerEntry, TenantTerms } from '../redis/state-records.ts';

/** Scope of the budget over everything. */
export const EVERYBODY = '*';

export interface BudgetView extends LedgerEntry {
  /** `*`, or a tenant's name. */
  readonly scope: string;
  /** First ms of the period; 0 where all time is one. */
  readonly periodStartMs: number;
  /** -1 for none. */
  readonly warnMicro: number;
  readonly stopMicro: number;
}

type Ledger = Readonly<Record<string, Buffer>>;

const textOf = (code: string): string => code.replaceAll("'", '');

function periodStart(boundaries: Buffer | undefined, nowMs: number): number {
  let first = 0;
  for (let at = 0; boundaries !== undefined && at + 8 <= boundaries.length; at += 8) {
    const boundary = boundaries.readDoubleLE(at);
    if (boundary > nowMs) break;
    first = boundary;
  }
  return first;
}

interface Limits {
  readonly period: number;
  readonly warnMicro: number;
  readonly stopMicro: number;
}

function viewOf(ledger: Ledger, scope: string, limits: Limits, nowMs: number): BudgetView {
  const { period, warnMicro, stopMicro } = limits;
  const boundaries = ledger[`${textOf(CODES.LEDGER.boundaries)}${period}`];
  const periodStartMs = periodStart(boundaries, nowMs);
  const entry = readLedgerEntry(ledger[`${scope}\t${periodStartMs}`]);
  return { scope, periodStartMs, ...entry, warnMicro, stopMicro };
}

/** The budgets that a tenant's requests are under. */
export function budgetsIn(
  ledger: Ledger,
  about: {
    readonly nowMs: number;
    readonly tenant: string;
    readonly terms: TenantTerms | undefined;
  },
): BudgetView[] {
  const { nowMs, tenant, terms } = about;
  const policy = ledger[textOf(CODES.LEDGER.policy)];
  const views: BudgetView[] = [];
  if (policy !== undefined && policy.readUInt8(0) > 0) {
    const limits = {
      period: policy.readUInt8(0),
      warnMicro: policy.readDoubleLE(1),
      stopMicro: policy.readDoubleLE(9),
    };
    views.push(viewOf(ledger, EVERYBODY, limits, nowMs));
  }
  if (terms !== undefined && terms.period > 0) views.push(viewOf(ledger, tenant, terms, nowMs));
  return views;
}

export interface BudgetSource {
  readonly redis: Redis;
  readonly keys: CellKeys;
}

async function timeOf(redis: Redis): Promise<number> {
  const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
  return seconds * 1000 + Math.floor(micros / 1000);
}

/** Every budget of the cell: the one over everything first, then tenants' by name. */
export async function readBudgets({ redis, keys }: BudgetSource): Promise<BudgetView[]> {
  const [ledger, tenants, nowMs] = await Promise.all([
    redis.hgetallBuffer(keys.ledger),
    redis.hgetallBuffer(keys.tenants),
    timeOf(redis),
  ]);
  const overall = budgetsIn(ledger, { nowMs, tenant: '', terms: undefined });
  const own = Object.entries(tenants)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, raw]) => {
      const terms = readTenantTerms(raw);
      return terms !== undefined && terms.period > 0 ? [viewOf(ledger, name, terms, nowMs)] : [];
    });
  return [...overall, ...own];
}

/** Settled costs of one combination in one period. */
export interface SpendRow {
  readonly periodStartMs: number;
  readonly tenant: string;
  readonly route: string;
  readonly model: string;
  readonly micro: number;
}

export interface RunSpend {
  readonly tenant: string;
  readonly run: string;
  readonly micro: number;
}

/** What was spent, by tenant, route and model. Bounded in the store: beyond it, under `other`. */
export async function readSpend({ redis, keys }: BudgetSource): Promise<SpendRow[]> {
  const all = await redis.hgetall(keys.spend);
  return Object.entries(all)
    .filter(([field]) => field.includes('\t'))
    .map(([field, micro]) => {
      const [period, tenant = '', route = '', model = ''] = field.split('\t');
      return { periodStartMs: Number(period), tenant, route, model, micro: Number(micro) };
    })
    .sort((a, b) => b.micro - a.micro);
}

/** Runs by their last use, the latest first, `most` of them. */
export async function readRunSpend(
  { redis, keys }: BudgetSource,
  { most, tenant }: { readonly most: number; readonly tenant?: string | undefined },
): Promise<RunSpend[]> {
  const names = await redis.zrange(
    keys.spendRuns,
    '+inf',
    '-inf',
    'BYSCORE',
    'REV',
    'LIMIT',
    0,
    most,
  );
  const wanted = names.filter((name) => {
    return name.includes('\t') && (tenant === undefined || name.startsWith(`${tenant}\t`));
  });
  if (wanted.length === 0) return [];
  const sums = await redis.hmget(keys.runSpend, ...wanted);
  return wanted.map((name, i) => {
    const at = name.indexOf('\t');
    return { tenant: name.slice(0, at), run: name.slice(at + 1), micro: Number(sums[i] ?? 0) };
  });
}
