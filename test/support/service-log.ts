// The oracle of the tests of waiting: judges, by the callers' own records and one clock, who held a
// slot when. It trusts neither scheduler nor store.
import type { Service } from './callers.ts';

export interface Span {
  readonly from: number;
  readonly to: number;
}

function overlap(service: Span, { from, to }: Span): number {
  return Math.max(0, Math.min(service.to, to) - Math.max(service.from, from));
}

export class ServiceLog {
  readonly all: readonly Service[];
  readonly held: readonly Service[];

  constructor(services: readonly Service[]) {
    this.all = services;
    this.held = services.filter(({ account }) => account !== undefined);
  }

  /** How many requests ended in which way. */
  get ends(): Readonly<Record<string, number>> {
    const ends: Record<string, number> = {};
    for (const { end } of this.all) ends[end] = (ends[end] ?? 0) + 1;
    return ends;
  }

  /** The most that were ever inside at once, by account. A slot is left before it is given back. */
  get most(): Readonly<Record<string, number>> {
    const steps = this.held.flatMap(({ account = '', from, to }) => [
      { account, at: from, by: 1 },
      { account, at: to, by: -1 },
    ]);
    steps.sort((a, b) => a.at - b.at || a.by - b.by);
    const inside: Record<string, number> = {};
    const most: Record<string, number> = {};
    for (const { account, by } of steps) {
      inside[account] = (inside[account] ?? 0) + by;
      most[account] = Math.max(inside[account], most[account] ?? 0);
    }
    return most;
  }

  /** Slot-milliseconds that were used within the span, by one tenant or by all. */
  slotMs(span: Span, tenant?: string): number {
    return this.held
      .filter((service) => tenant === undefined || service.tenant === tenant)
      .reduce((sum, service) => sum + overlap(service, span), 0);
  }

  /** By how much the latest answer missed the deadline of its caller, in ms; negative: it did not. */
  get latestBeyondDeadlineMs(): number {
    return this.all.reduce((latest, { askedAt, from, waitMs }) => {
      return Math.max(latest, from - askedAt - waitMs);
    }, -Infinity);
  }
}

export interface Share {
  readonly tenant: string;
  readonly usedMs: number;
  readonly entitledMs: number;
  /** The largest lag behind the entitlement at any time, in slot-milliseconds. */
  readonly worstLagMs: number;
}

function byAccount(services: readonly Service[]): ReadonlyMap<string, readonly Service[]> {
  const accounts = new Map<string, Service[]>();
  for (const service of services) {
    const { account = '' } = service;
    const others = accounts.get(account);
    if (others === undefined) accounts.set(account, [service]);
    else others.push(service);
  }
  return accounts;
}

/**
 * Whose each slot was, without a gap: what passes until a slot is known to be free is its holder's,
 * what passes until it is held again is its next holder's. Every account must have one slot, which
 * somebody always wants.
 */
export function usesOf(log: ServiceLog): readonly (Span & { readonly tenant: string })[] {
  const accounts = byAccount(log.held);
  return [...accounts.values()].flatMap((services) => {
    const inOrder = services.toSorted((a, b) => a.from - b.from);
    const begins = inOrder.map(({ from }, i) => Math.min(from, inOrder[i - 1]?.freedAt ?? from));
    return inOrder.map(({ tenant, to }, i) => {
      return { tenant, from: begins[i]!, to: begins[i + 1] ?? to };
    });
  });
}

/** Lags are looked at this often. */
const STEP_MS = 100;

/**
 * What tenants used of all that they used together, beside what their weights entitle them to. All
 * of them must have been backlogged for the whole span.
 */
export function sharesOf(
  log: ServiceLog,
  weights: Readonly<Record<string, number>>,
  span: Span,
): readonly Share[] {
  const tenants = Object.entries(weights);
  const weightOfAll = tenants.reduce((sum, [, weight]) => sum + weight, 0);
  const used = new Map(tenants.map(([tenant]) => [tenant, 0]));
  const lags = new Map(tenants.map(([tenant]) => [tenant, 0]));
  const uses = usesOf(log).filter(({ tenant }) => tenant in weights);
  let total = 0;
  for (let from = span.from; from < span.to; from += STEP_MS) {
    const step = { from, to: Math.min(from + STEP_MS, span.to) };
    for (const use of uses) {
      const ms = overlap(use, step);
      used.set(use.tenant, (used.get(use.tenant) ?? 0) + ms);
      total += ms;
    }
    for (const [tenant, weight] of tenants) {
      const lag = (total * weight) / weightOfAll - (used.get(tenant) ?? 0);
      lags.set(tenant, Math.max(lag, lags.get(tenant) ?? 0));
    }
  }
  return tenants.map(([tenant, weight]) => ({
    tenant,
    usedMs: used.get(tenant) ?? 0,
    entitledMs: (total * weight) / weightOfAll,
    worstLagMs: lags.get(tenant) ?? 0,
  }));
}
