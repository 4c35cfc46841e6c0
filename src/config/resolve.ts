// From what a file says to what the product works with: accounts with all that they inherit, and a
// route for every model. It checks nothing: its input has passed the schema and the cross-checks.
import { createHash } from 'node:crypto';
import { resolveBudget, resolvePrices, resolveRuns } from './costs-resolve.ts';
import { resolveOutcomes, type FailoverLimits, type OutcomeTable } from './outcomes-schema.ts';
import { resolveRollouts } from './rollouts-schema.ts';
import { DEFAULT_TIMEOUTS } from './schema.ts';
import { resolveRates, resolveTenants } from './tenants-resolve.ts';
import type { LocalPolicy } from './store-loss-schema.ts';
import type {
  AccountConfig,
  Config,
  FileConfig,
  RouteConfig,
  TargetConfig,
  UpstreamTimeouts,
} from './schema.ts';

type FilePool = FileConfig['pools'][string];
type FileAccount = FilePool['accounts'][number];

/** The result is frozen through and through, its route map included. */
export function resolveConfig(file: FileConfig, { demo }: { readonly demo: boolean }): Config {
  const accounts = Object.entries(file.pools).flatMap(([name, pool]) => {
    const outcomes = frozenMap(resolveOutcomes(pool.outcomes));
    return pool.accounts.map((account) => resolveAccount(account, { ...pool, name, outcomes }));
  });
  const { server, redis, scheduler, leader, log, failover, admin, sessions } = file;
  const { estimates, costsim, alerts, deferral, files, batches, journal } = file;
  const routes = frozenMap(resolveRoutes(file, accounts));
  const rollouts = frozenMap(resolveRollouts(file.rollouts));
  const budget = resolveBudget(file.budget);
  const prices = frozenMap(resolvePrices(file.prices));
  const runs = resolveRuns(file.runs);
  const tenants = frozenMap(resolveTenants(file.tenants));
  return deepFreeze({
    server,
    redis,
    scheduler,
    leader,
    log,
    accounts,
    local: resolveLocal(file),
    routes,
    failover,
    rollouts,
    budget,
    prices,
    estimates,
    runs,
    costsim,
    sessions,
    journal,
    tenants,
    admin,
    alerts,
    deferral,
    files,
    batches,
    demo,
  });
}

/** A pool of the file, and what its accounts share. */
interface PoolOfAccount extends Omit<FilePool, 'outcomes'> {
  readonly name: string;
  readonly outcomes: OutcomeTable;
}

function resolveAccount(account: FileAccount, pool: PoolOfAccount): AccountConfig {
  const { name, maxConcurrency, weight, priority, enabled } = account;
  const rates = resolveRates(account);
  const hasRates = Object.keys(rates).length > 0;
  const baseUrl = (account.baseUrl ?? pool.baseUrl ?? '').replace(/\/+$/, '');
  const credential = account.credential ?? pool.credential;
  return {
    name,
    label: labelOf(pool.name, name),
    pool: pool.name,
    maxConcurrency,
    weight,
    priority,
    enabled,
    ...(hasRates && { rates }),
    models: [...new Set(account.models ?? pool.models ?? [])],
    provider: account.provider ?? pool.provider ?? 'openai',
    baseUrl,
    credential,
    credentialMark: markOf(baseUrl, credential),
    breaker: pool.breaker,
    timeouts: resolveTimeouts(pool.timeouts, account.timeouts),
    outcomes: pool.outcomes,
  };
}

/** 32 bits of a digest: enough to see a change, too few to find what was digested. */
function markOf(baseUrl: string, credential: string | undefined): number {
  const digest = createHash('sha256')
    .update(`${baseUrl}\n${credential ?? ''}`)
    .digest();
  return digest.readUInt32LE(0);
}

/** The cross-checks have seen to it that `expectedDaemons` is there where it is needed. */
function resolveLocal({ pools, scheduler }: FileConfig): LocalPolicy | undefined {
  const { expectedDaemons } = scheduler;
  const local = Object.entries(pools).filter(([, pool]) => pool.whenStoreIsDown === 'local');
  if (local.length === 0 || expectedDaemons === undefined) return undefined;
  return { pools: local.map(([name]) => name), expectedDaemons };
}

const LABEL_DIGITS = 12;

/** Not of the credential: a changed key is the same account, and no digest of a secret leaves us. */
export function labelOf(pool: string, name: string): string {
  return createHash('sha256').update(`${pool}\0${name}`).digest('hex').slice(0, LABEL_DIGITS);
}

type FileTimeouts = FilePool['timeouts'];

function resolveTimeouts(pool: FileTimeouts, account: FileTimeouts): UpstreamTimeouts {
  const pick = (name: keyof UpstreamTimeouts): number =>
    account?.[name] ?? pool?.[name] ?? DEFAULT_TIMEOUTS[name];
  return {
    connectTimeoutMs: pick('connectTimeoutMs'),
    headersTimeoutMs: pick('headersTimeoutMs'),
    idleTimeoutMs: pick('idleTimeoutMs'),
    totalTimeoutMs: pick('totalTimeoutMs'),
  };
}

/** The file's routes first; then each other model as its own alias, pools in the file's order. */
function resolveRoutes(
  file: FileConfig,
  accounts: readonly AccountConfig[],
): Map<string, RouteConfig> {
  const routes = new Map<string, RouteConfig>();
  for (const [alias, route] of Object.entries(file.routes)) {
    const targets = route.targets.map((target) => resolveTarget(target, route));
    const { downgrade, failover, serialize, defer } = route;
    routes.set(alias, {
      alias,
      targets,
      ...(serialize && { serialize }),
      ...(defer !== undefined && { defer }),
      ...(downgrade === 'never' && { downgrade }),
      ...(failover && { failover: resolveFailover(failover, file.failover) }),
    });
  }
  const pools = new Map<string, Set<string>>();
  for (const { pool, models } of accounts) {
    for (const model of models) {
      const serving = pools.get(model) ?? new Set();
      pools.set(model, serving.add(pool));
    }
  }
  for (const [alias, serving] of pools) {
    if (routes.has(alias)) continue;
    const targets = [...serving].map((pool) => ({ pool, model: alias }));
    routes.set(alias, { alias, targets });
  }
  return routes;
}

function resolveFailover(
  own: NonNullable<FileRoute['failover']>,
  all: FailoverLimits,
): FailoverLimits {
  const { maxAttempts = all.maxAttempts, totalMs = all.totalMs } = own;
  return { maxAttempts, totalMs };
}

type FileRoute = FileConfig['routes'][string];

/** A target's own defaults go before its route's. */
function resolveTarget(
  { pool, model, tier, defaults }: FileRoute['targets'][number],
  { defaults: ofRoute }: FileRoute,
): TargetConfig {
  const place = { pool, model, ...(tier > 0 && { tier }) };
  if (defaults === undefined && ofRoute === undefined) return place;
  return { ...place, defaults: { ...ofRoute, ...defaults } };
}

function refuseChange(): never {
  throw new TypeError('The configuration is frozen.');
}

/** Object.freeze leaves a Map's content open; this one refuses its own changing methods. */
function frozenMap<K, V>(map: Map<K, V>): ReadonlyMap<K, V> {
  for (const value of map.values()) deepFreeze(value);
  return Object.freeze(
    Object.assign(map, { set: refuseChange, delete: refuseChange, clear: refuseChange }),
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
