// What the events of other parts mean to people: an alert each, its urgency, its one sentence and its
// runbook. Pure: it hears nothing and sends nothing. Labels are names of the configuration.
import type { SchedulerEvents } from '../core/events.ts';
import type { Alert, Condition, Incident, Severity, Told } from './alert.ts';

type Of<Name extends keyof SchedulerEvents> = SchedulerEvents[Name];

/** Alerts that fire exactly while the cell is so; the keeper compares them. */
export const LEVEL_ALERTS = [
  'SlotkeeperAccountUnusable',
  'SlotkeeperBreakerOpen',
  'SlotkeeperBudgetWarning',
] as const;

/** A store that was away for less is no matter for people. */
const NOTABLE_OUTAGE_S = 5;

export function accountUnusable(account: string): Alert {
  return {
    name: 'SlotkeeperAccountUnusable',
    severity: 'P2',
    labels: { account },
    summary: `Account ${account} gets no requests any more: its credential or its quota is dead.`,
    runbook: 'accounts.md',
  };
}

export interface BreakerPlace {
  readonly account: string;
  readonly pool: string;
  readonly model: string;
}

export function breakerOpen({ account, pool, model }: BreakerPlace): Alert {
  return {
    name: 'SlotkeeperBreakerOpen',
    severity: 'P3',
    labels: { account, pool, model },
    summary: `Account ${account} fails for ${model}: its breaker keeps requests from it.`,
    runbook: 'accounts.md',
  };
}

/** Undefined where nobody need be told. */
export function toldOfHealth({ account, target, change }: Of<'health'>): Told | undefined {
  if (target === undefined) {
    const holds = change === 'disabled';
    if (!holds && change !== 'enabled') return undefined;
    return condition(accountUnusable(account), holds);
  }
  // Half-open: a probe is to show it.
  if (change !== 'open' && change !== 'closed') return undefined;
  return condition(breakerOpen({ account, ...target }), change === 'open');
}

export interface BudgetState {
  /** `*` for the cell's budget, or a tenant's name. */
  readonly scope: string;
  readonly settledMicro: number;
  readonly reservedMicro: number;
  readonly stopMicro: number;
}

export function budgetWarning(budget: BudgetState): Alert {
  return {
    name: 'SlotkeeperBudgetWarning',
    severity: 'P2',
    labels: { scope: budget.scope },
    summary: `${nameOf(budget)} is past its warning: ${usedOf(budget)} is spent or reserved.`,
    runbook: 'budget.md',
  };
}

/** Requests are refused. It fires for as long as they are, and a while longer. */
export function toldOfBudgetStop(budget: BudgetState): Incident {
  return incident('SlotkeeperBudgetStop', 'P1', {
    labels: { scope: budget.scope },
    summary: `${nameOf(budget)} refuses requests: ${usedOf(budget)} is spent or reserved.`,
    runbook: 'budget.md',
  });
}

export function toldOfReaped({ slots }: Of<'reaped'>): Incident {
  return incident('SlotkeeperSlotsReaped', 'P2', {
    summary: `${count(slots, 'slot')} of holders that neither renewed nor released came back by force.`,
    runbook: 'leaks.md',
  });
}

export function toldOfOverage({ slots }: Of<'overage'>): Incident {
  return incident('SlotkeeperOverage', 'P2', {
    summary: `After a loss of data ${count(slots, 'lease')} ran above the limit of an account.`,
    runbook: 'redis.md',
  });
}

export function toldOfOutage({ cause, seconds }: Of<'outage'>): Incident | undefined {
  if (seconds < NOTABLE_OUTAGE_S) return undefined;
  return incident('SlotkeeperStoreOutage', 'P2', {
    labels: { cause },
    summary: `The store could not serve for ${Math.round(seconds)} s; it does again.`,
    runbook: 'redis.md',
  });
}

export function toldOfRecovery(): Incident {
  return incident('SlotkeeperStoreLostData', 'P2', {
    summary: 'The store has lost data: leases were registered again.',
    runbook: 'redis.md',
  });
}

export function toldOfCorrupt({ records }: Of<'corrupt'>): Incident {
  return incident('SlotkeeperRecordsSetAside', 'P2', {
    summary: `${count(records, 'record')} of the store could not be read and was set aside.`,
    runbook: 'redis.md',
  });
}

export function toldOfAudit({ differences }: Of<'audited'>): Incident | undefined {
  if (differences === 0) return undefined;
  return incident('SlotkeeperAuditDifferences', 'P1', {
    summary: `${count(differences, 'counter')} disagreed with the leases: see slotkeeper audit.`,
    runbook: 'leaks.md',
  });
}

/** Plain facts of the cost estimator's own breaker. */
export interface EstimatorTrip {
  /** Such as `drift`, `incidents`, `canary` or `operator`. */
  readonly reason: string;
}

/** While it holds, v1 reserves everywhere. */
export function toldOfEstimatorTrip({ reason }: EstimatorTrip): Condition {
  return condition(estimatorOut(reason), true);
}

export function toldOfEstimatorRecovery(): Condition {
  return condition(estimatorOut(''), false);
}

export function estimatorOut(reason: string): Alert {
  return {
    name: 'CostSimBreakerTripped',
    severity: 'P1',
    labels: {},
    summary: `The estimator v2 is out of service (${reason}): v1 reserves everywhere.`,
    runbook: 'costsim-circuit-breaker.md',
  };
}

/** Of each canary: one that passes ends what a failed one began. */
export function toldOfCanary({ passed }: { readonly passed: boolean }): Condition {
  const alert: Alert = {
    name: 'CostSimCanaryFailed',
    severity: 'P2',
    labels: {},
    summary: 'The cost canary failed: the estimator v2 is off from what requests cost.',
    runbook: 'costsim-canary.md',
  };
  return condition(alert, !passed);
}

function condition(alert: Alert, holds: boolean): Condition {
  return { kind: 'condition', alert, holds };
}

type Words = Pick<Alert, 'summary' | 'runbook'> & Partial<Pick<Alert, 'labels'>>;

function incident(name: string, severity: Severity, words: Words): Incident {
  return { kind: 'incident', alert: { name, severity, labels: {}, ...words } };
}

function nameOf({ scope }: BudgetState): string {
  return scope === '*' ? 'The budget over everything' : `The budget of ${scope}`;
}

function usedOf({ settledMicro, reservedMicro, stopMicro }: BudgetState): string {
  if (stopMicro <= 0) return 'all of it';
  return `${Math.round((100 * (settledMicro + reservedMicro)) / stopMicro)} % of its stop`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
