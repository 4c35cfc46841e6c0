// Plans a registry: which class each account is in, and the numbers by which scripts name
// accounts, classes and (pool, model) pairs. Pure: from what is configured and what is registered.
import type { Target } from '../core/domain.ts';
import type { RateTerms } from './admission.ts';

/** An account as the heart knows it. */
export interface SchedulerAccount {
  readonly name: string;
  readonly pool: string;
  readonly maxConcurrency: number;
  readonly weight: number;
  /** Tier: lower numbers are used first. */
  readonly priority: number;
  readonly enabled: boolean;
  readonly models: readonly string[];
  /** What the upstream allows in a minute. */
  readonly rates?: RateTerms;
  /** What trips its breakers. Without it no outcome does anything to the account. */
  readonly breaker?: BreakerTerms;
  /** Where settings of its breakers are rolled out. */
  readonly breakerArms?: BreakerArms;
  /** Changes with its credential: an account that was disabled for the old one begins again. */
  readonly credentialMark?: number;
}

/** Breakers of a pool's accounts, one for each model of an account. */
export interface BreakerTerms {
  /** Whether breakers trip; cooldowns and unusable credentials count anyway. */
  readonly enabled: boolean;
  readonly consecutiveFailures: number;
  /** From 0 to 1, of the requests of a window. */
  readonly errorRate: number;
  readonly minRequests: number;
  readonly windowMs: number;
  /** For how long a breaker is open first; doubles with every failed probe. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  /** For how long an account that is rate limited rests where the upstream does not say. */
  readonly cooldownMs: number;
}

/** What the arms of a rollout change of an account's breaker, and the arm that it is in now. */
export interface BreakerArms {
  readonly rollout: string;
  /** As configured, whatever operators have made of the percentages since. */
  readonly arms: readonly {
    readonly name: string;
    readonly percent: number;
    readonly breaker: Partial<BreakerTerms>;
  }[];
  readonly arm: string;
}

/** Its breaker is that of its arm. */
export interface RegisteredAccount extends Omit<SchedulerAccount, 'breakerArms'> {
  readonly breakerArm?: { readonly rollout: string; readonly arm: string };
  /** Never given to another account while this registry lives on. */
  readonly index: number;
  readonly class: number;
}

/**
 * Accounts of one pool, tier and set of models; `mixed` ones hold the odd sets of their tier. `aside`
 * ones are empty at first: accounts that may not serve all of their models just now go there.
 */
export interface RegisteredClass {
  readonly number: number;
  readonly pool: string;
  readonly priority: number;
  readonly models: readonly string[];
  readonly mixed: boolean;
  readonly aside?: boolean;
}

export interface RegisteredModel extends Target {
  readonly number: number;
  /** Not configured any more, but perhaps still in the records of leases. */
  readonly retired: boolean;
}

/** What a cell has registered; kept as JSON beside the packed records of the scripts. */
export interface Registry {
  readonly generation: number;
  /** Fingerprint of the configuration that it was made of, and of the arms of its accounts. */
  readonly fingerprint: string;
  /** The same without the arms; absent where it is the same. */
  readonly configuration?: string | undefined;
  readonly nextIndex: number;
  readonly accounts: readonly RegisteredAccount[];
  readonly classes: readonly RegisteredClass[];
  readonly models: readonly RegisteredModel[];
}

export const EMPTY_REGISTRY: Registry = {
  generation: 0,
  fingerprint: '',
  nextIndex: 1,
  accounts: [],
  classes: [],
  models: [],
};

/** An acquire looks at the heads of at most this many classes of a target. */
export const MAX_CLASSES = 16;

interface Group {
  readonly pool: string;
  readonly priority: number;
  readonly models: readonly string[];
  readonly mixed: boolean;
  readonly accounts: SchedulerAccount[];
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const keyOf = (target: Target): string => `${target.pool}\t${target.model}`;

function groupByModels(accounts: readonly SchedulerAccount[]): Group[] {
  const groups = new Map<string, Group>();
  for (const account of accounts) {
    if (!account.enabled) continue;
    const models = [...new Set(account.models)].sort(byText);
    const key = `${account.pool}\n${account.priority}\n${models.join('\n')}`;
    const group = groups.get(key);
    if (group === undefined) {
      const { pool, priority } = account;
      groups.set(key, { pool, priority, models, mixed: false, accounts: [account] });
    } else {
      group.accounts.push(account);
    }
  }
  return [...groups.values()];
}

/** The (pool, model) that has more classes than an acquire may look at, or undefined. */
function crowded(groups: readonly Group[]): Group[] | undefined {
  const serving = new Map<string, Group[]>();
  for (const group of groups) {
    for (const model of group.models) {
      const key = keyOf({ pool: group.pool, model });
      serving.set(key, [...(serving.get(key) ?? []), group]);
    }
  }
  return [...serving.values()].find((list) => list.length > MAX_CLASSES);
}

/** Moves the smallest classes of a crowded model into the mixed class of their tier. */
function mixOddSets(groups: readonly Group[]): Group[] {
  let rest = [...groups];
  for (let list = crowded(rest); list !== undefined; list = crowded(rest)) {
    const plain = list.filter((group) => !group.mixed);
    const smallest = plain.reduce((a, b) => (b.accounts.length < a.accounts.length ? b : a));
    const isMixed = (group: Group): boolean =>
      group.mixed && group.pool === smallest.pool && group.priority === smallest.priority;
    const before = rest.find(isMixed);
    const merged: Group = {
      pool: smallest.pool,
      priority: smallest.priority,
      mixed: true,
      models: [...new Set([...(before?.models ?? []), ...smallest.models])].sort(byText),
      accounts: [...(before?.accounts ?? []), ...smallest.accounts],
    };
    rest = [...rest.filter((group) => group !== smallest && group !== before), merged];
  }
  return rest;
}

/** A class for each pool and tier that has accounts with breakers and more than one model. */
function asides(groups: readonly Group[]): Omit<RegisteredClass, 'number'>[] {
  const found = new Map<string, Omit<RegisteredClass, 'number'>>();
  for (const { pool, priority, models, mixed, accounts } of groups) {
    const canSplit = models.length > 1 && accounts.some((account) => account.breaker);
    if (mixed || !canSplit) continue;
    const key = `${pool}\n${priority}`;
    const all = [...new Set([...(found.get(key)?.models ?? []), ...models])].sort(byText);
    found.set(key, { pool, priority, models: all, mixed: true, aside: true });
  }
  return [...found.values()];
}

/** The number of the class for accounts of a class that may not serve all of their models. */
export function asideOf(registry: Registry, of: number): number | undefined {
  const home = registry.classes[of];
  if (home === undefined || home.mixed) return undefined;
  return registry.classes.find(
    ({ aside, pool, priority }) =>
      aside === true && pool === home.pool && priority === home.priority,
  )?.number;
}

/** Numbers for the configured models: kept where known, else the lowest free ones. */
function numberModels(
  accounts: readonly SchedulerAccount[],
  previous: Registry,
  isBusy: (target: Target) => boolean,
): RegisteredModel[] {
  const wanted = new Map<string, Target>();
  for (const { pool, models } of accounts) {
    for (const model of models) wanted.set(keyOf({ pool, model }), { pool, model });
  }
  const kept = previous.models
    .map((entry) => ({ ...entry, retired: !wanted.has(keyOf(entry)), was: entry.retired }))
    // One whole generation passes between retiring a number and its reuse: nothing can be granted
    // on it any more when its counter is read.
    .filter((entry) => !entry.retired || !entry.was || isBusy(entry))
    .map(({ pool, model, number, retired }) => ({ pool, model, number, retired }));
  const taken = new Set(kept.map((entry) => entry.number));
  const known = new Set(kept.map(keyOf));
  let next = 0;
  for (const [key, target] of wanted) {
    if (known.has(key)) continue;
    while (taken.has(next)) next += 1;
    taken.add(next);
    kept.push({ ...target, number: next, retired: false });
  }
  return kept.sort((a, b) => a.number - b.number);
}

export interface PlanOptions extends Pick<Registry, 'fingerprint' | 'configuration'> {
  readonly isBusy: (target: Target) => boolean;
}

/** The settings of its arm over those of its pool. */
function breakerOf({ breaker, breakerArms }: SchedulerAccount) {
  if (breaker === undefined || breakerArms === undefined) return breaker && { breaker };
  const { rollout, arms, arm } = breakerArms;
  const own = arms.find(({ name }) => name === arm)?.breaker;
  return { breaker: { ...breaker, ...own }, breakerArm: { rollout, arm } };
}

/**
 * The registry that follows `previous` when `accounts` are configured. Accounts keep their index,
 * models their number; `isBusy` tells whether a retired model's counter is above 0.
 */
export function planRegistry(
  accounts: readonly SchedulerAccount[],
  previous: Registry,
  options: PlanOptions,
): Registry {
  const groups = mixOddSets(groupByModels(accounts));
  const classOf = new Map<SchedulerAccount, number>();
  groups.forEach((group, number) => {
    for (const account of group.accounts) classOf.set(account, number);
  });
  const indexes = new Map(previous.accounts.map((account) => [account.name, account.index]));
  let nextIndex = previous.nextIndex;
  const registered = accounts.map((account) => {
    const { name, pool, maxConcurrency, weight, priority, enabled, rates } = account;
    const { credentialMark } = account;
    const models = [...new Set(account.models)].sort(byText);
    const index = indexes.get(name) ?? nextIndex++;
    const number = classOf.get(account) ?? 0;
    const own = { name, pool, maxConcurrency, weight, priority, enabled, models };
    const mark = credentialMark !== undefined && { credentialMark };
    const more = { ...(rates && { rates }), ...breakerOf(account), ...mark };
    return { ...own, index, class: number, ...more };
  });
  return {
    generation: previous.generation + 1,
    fingerprint: options.fingerprint,
    configuration: options.configuration,
    nextIndex,
    accounts: registered,
    classes: [
      ...groups.map(({ pool, priority, models, mixed }) => ({ pool, priority, models, mixed })),
      ...asides(groups),
    ].map((entry, number) => ({ number, ...entry })),
    models: numberModels(accounts, previous, options.isBusy),
  };
}

/** The numbers of the classes that serve a target, tier by tier. */
export function tiersOf(registry: Registry, target: Target): RegisteredClass[][] {
  const serving = registry.classes.filter(
    (entry) => entry.pool === target.pool && entry.models.includes(target.model),
  );
  const priorities = [...new Set(serving.map((entry) => entry.priority))].sort((a, b) => a - b);
  return priorities.map((priority) => serving.filter((entry) => entry.priority === priority));
}
