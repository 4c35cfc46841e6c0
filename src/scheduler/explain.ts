// Why a request would be granted, queued or refused now: one atomic look at what the heart would
// look at, and the same questions in the same order. It changes nothing, and promises nothing: the
// next request may find another state.
import { CODES } from '../redis/codes.ts';
import { DEFAULT_TENANT } from '../core/domain.ts';
import type { DenialReason, Target } from '../core/domain.ts';
import { blockedMs } from './health.ts';
import { budgetsIn } from './budgets.ts';
import type { BudgetView } from './budgets.ts';
import { candidates, look } from './look.ts';
import type { Candidate, Look, LookSource } from './look.ts';
import { readRegistry } from './registry.ts';
import { sessionDigest } from './session-key.ts';
import type { RegisteredAccount, Registry } from './plan.ts';

export interface ExplainRequest {
  readonly targets: readonly Target[];
  readonly tenant?: string;
  readonly reserveMicro?: number;
  readonly tokens?: number;
  /** In its caller's words, and for how long in ms sessions stay with their accounts. */
  readonly session?: { readonly id: string; readonly ttlMs: number } | undefined;
}

/** `unusable`: disabled by its own outcome; `breaker` and `cooling`: kept away by its health. */
export const ACCOUNT_VERDICTS = [
  'chosen',
  'free',
  'full',
  'resting',
  'breaker',
  'cooling',
  'unusable',
  'disabled',
] as const;
export type AccountVerdict = (typeof ACCOUNT_VERDICTS)[number];

export interface AccountView {
  readonly account: string;
  readonly pool: string;
  readonly model: string;
  /** Number of the target that it would serve, from 0. */
  readonly target: number;
  readonly priority: number;
  readonly inFlight: number;
  readonly limit: number;
  readonly verdict: AccountVerdict;
  /** Ms for which it grants nothing. */
  readonly restsMs: number;
  /** Whose breaker settings it has, where they are rolled out. */
  readonly breakerArm?: RegisteredAccount['breakerArm'];
}

export interface Explanation {
  readonly decision: 'granted' | 'queued' | 'refused';
  readonly reason: DenialReason | undefined;
  /** Ms after which it may be otherwise; undefined where that is not known. */
  readonly retryAfterMs: number | undefined;
  readonly tenant: {
    readonly name: string;
    readonly registered: boolean;
    readonly weight: number;
    readonly inFlight: number;
    readonly maxConcurrency: number | undefined;
    readonly waiting: number;
  };
  /** Undefined where no session was asked about. */
  readonly session:
    | {
        /** The account that served it last; undefined for a session that is new or forgotten. */
        readonly preferred: string | undefined;
      }
    | undefined;
  readonly queue: { readonly waiting: number; readonly estimatedWaitMs: number };
  readonly budgets: readonly BudgetView[];
  readonly accounts: readonly AccountView[];
}

function accountView(
  registry: Registry,
  { account, target, number }: Candidate,
  seen: Look,
): Omit<AccountView, 'verdict'> & { readonly free: AccountVerdict } {
  const inFlight = seen.inFlight.get(account.name) ?? 0;
  const ratesMs = account.rates ? Math.max(0, (seen.rests.get(account.name) ?? 0) - seen.nowMs) : 0;
  const limit = account.maxConcurrency;
  const { name, pool, priority } = account;
  const { model } = target;
  const known = registry.models.find((entry) => entry.pool === pool && entry.model === model);
  const record = account.breaker && seen.health.get(name);
  const blocked = blockedMs(record, known?.number ?? -1, seen.nowMs);
  const free = blocked && account.enabled ? blocked.why : verdictOf(account, inFlight, ratesMs);
  const restsMs = Math.max(ratesMs, blocked?.ms ?? 0);
  const arm = account.breakerArm && { breakerArm: account.breakerArm };
  const place = { account: name, pool, model, target: number, priority };
  return { ...place, inFlight, limit, restsMs, ...arm, free };
}

function verdictOf(account: RegisteredAccount, inFlight: number, restsMs: number): AccountVerdict {
  if (!account.enabled) return 'disabled';
  if (restsMs > 0) return 'resting';
  return inFlight >= account.maxConcurrency ? 'full' : 'free';
}

/** The account that the session prefers, while that is remembered. */
function preferredBy({ session }: ExplainRequest, { binding, nowMs }: Look): string | undefined {
  if (session === undefined || binding === undefined) return undefined;
  return binding.atMs + session.ttlMs > nowMs ? binding.account : undefined;
}

/** The heart's choice: the session's account, else the first target, its first tier, the least loaded. */
function judge(registry: Registry, request: ExplainRequest, seen: Look): AccountView[] {
  const weights = new Map(registry.accounts.map(({ name, weight }) => [name, weight]));
  const load = (view: { account: string; inFlight: number; limit: number }): number =>
    (view.inFlight + 1) / (view.limit * (weights.get(view.account) ?? 1));
  const views = candidates(registry, request.targets)
    .map((candidate) => accountView(registry, candidate, seen))
    .sort((a, b) => a.target - b.target || a.priority - b.priority || load(a) - load(b));
  const preferred = preferredBy(request, seen);
  const free = views.filter((view) => view.free === 'free');
  const chosen = free.find(({ account }) => account === preferred) ?? free[0];
  return views.map(({ free: verdict, ...view }) => {
    const isChosen = view.account === chosen?.account && view.target === chosen.target;
    return { ...view, verdict: isChosen ? 'chosen' : verdict };
  });
}

/** Ms until `n` units conform; 0 for now, -1 for never (lua/lib/gcra.lua). */
function rateWait(
  at: number,
  [interval, burst]: readonly [number, number],
  nowMs: number,
  n: number,
) {
  if (interval === 0) return 0;
  if (interval * n > burst) return -1;
  return Math.max(0, Math.max(at, nowMs) + interval * n - nowMs - burst);
}

type Verdict = Pick<Explanation, 'decision' | 'reason' | 'retryAfterMs'>;

function refusedByTenant(request: ExplainRequest, seen: Look): Verdict | undefined {
  const { terms, state, nowMs } = seen;
  if (terms === undefined) return undefined;
  if (terms.slots > 0 && state.inFlight >= terms.slots) {
    return { decision: 'queued', reason: 'tenant_concurrency', retryAfterMs: undefined };
  }
  const waits = [
    rateWait(state.requestsAt, terms.requests, nowMs, 1),
    rateWait(state.tokensAt, terms.tokens, nowMs, request.tokens ?? 0),
  ];
  if (waits.every((ms) => ms === 0)) return undefined;
  const never = waits.includes(-1);
  const decision = terms.waits && !never ? 'queued' : 'refused';
  return { decision, reason: 'tenant_rate', retryAfterMs: never ? undefined : Math.max(...waits) };
}

function decide(
  request: ExplainRequest,
  seen: Look,
  about: { readonly budgets: readonly BudgetView[]; readonly accounts: readonly AccountView[] },
): Verdict {
  const byTenant = refusedByTenant(request, seen);
  if (byTenant !== undefined) return byTenant;
  const reserve = request.reserveMicro ?? 0;
  const spent = about.budgets.some(
    ({ settledMicro, reservedMicro, stopMicro }) =>
      settledMicro + reservedMicro + reserve > stopMicro,
  );
  if (spent) return { decision: 'refused', reason: 'budget_stop', retryAfterMs: undefined };
  if (about.accounts.some(({ verdict }) => verdict === 'chosen') && seen.flow.waiting === 0) {
    return { decision: 'granted', reason: undefined, retryAfterMs: 0 };
  }
  return whyNone(about.accounts);
}

const OUT_OF_USE: ReadonlySet<AccountVerdict> = new Set(['disabled', 'unusable']);
const RESTS: ReadonlySet<AccountVerdict> = new Set(['resting', 'breaker', 'cooling']);

/** What stands in the way where no account is free. */
function whyNone(accounts: readonly AccountView[]): Verdict {
  const inUse = accounts.filter(({ verdict }) => !OUT_OF_USE.has(verdict));
  if (inUse.length === 0) {
    return { decision: 'refused', reason: 'no_account_for_model', retryAfterMs: undefined };
  }
  if (inUse.every(({ verdict }) => RESTS.has(verdict))) {
    const retryAfterMs = Math.min(...inUse.map(({ restsMs }) => restsMs));
    const byBreaker = inUse.some(({ verdict }) => verdict === 'breaker');
    return {
      decision: 'queued',
      reason: byBreaker ? 'breaker_open' : 'account_rate',
      retryAfterMs,
    };
  }
  return { decision: 'queued', reason: 'pool_full', retryAfterMs: undefined };
}

/** Reads the cell and answers; rejects where the store cannot be asked. */
export async function explain(source: LookSource, request: ExplainRequest): Promise<Explanation> {
  const { tenant = DEFAULT_TENANT, targets, session } = request;
  const registry = await readRegistry(source.redis, source.keys);
  const names = [...new Set(candidates(registry, targets).map(({ account }) => account.name))];
  const digest = session && sessionDigest(session.id);
  const pool = targets[0]?.pool ?? '';
  const seen = await look(source, names, { tenant, pool, session: digest });
  const budgets = budgetsIn(seen.ledger, { nowMs: seen.nowMs, tenant, terms: seen.terms });
  const accounts = judge(registry, request, seen);
  const { terms, state, flow, pool: shares } = seen;
  const weight = terms?.weight ?? 1;
  const ahead = flow.waiting + 1;
  return {
    ...decide(request, seen, { budgets, accounts }),
    tenant: {
      name: tenant,
      registered: terms !== undefined,
      weight,
      inFlight: state.inFlight,
      maxConcurrency: terms && terms.slots > 0 ? terms.slots : undefined,
      waiting: flow.waiting,
    },
    session: session && { preferred: preferredBy(request, seen) },
    queue: {
      waiting: seen.waiting,
      estimatedWaitMs:
        shares.handOffs < CODES.FLOWS.pool_memory
          ? 0
          : Math.floor(ahead * shares.gapMs * Math.max(1, shares.backlog / weight)),
    },
    budgets,
    accounts,
  };
}
