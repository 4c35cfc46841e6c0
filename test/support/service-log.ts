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

/** Lags are looked at this often. */
const STEP_MS = 100;

export interface Share {
  readonly tenant: string;
  readonly servedMs: number;
  readonly entitledMs: number;
  /** The largest lag behind the entitlement at any time, in slot-milliseconds. */
  readonly worstLagMs: number;
}

/**
 * How long a slot of so many is between two holders, on average: time that passes while it is given
 * back and handed on, and so is used up by a request as its hold is. All slots must be wanted.
 */
export function transitMs(log: ServiceLog, slots: number, span: Span): number {
  const begun = log.held.filter(({ from }) => from >= span.from && from < span.to).length;
  return (slots * (span.to - span.from) - log.slotMs(span)) / begun;
}

/**
 * What tenants got of all that they got together, beside what their weights entitle them to. All of
 * them must have been backlogged for the whole span.
 */
export function sharesOf(
  log: ServiceLog,
  weights: Readonly<Record<string, number>>,
  { span, transitMs }: { readonly span: Span; readonly transitMs: number },
): readonly Share[] {
  const tenants = Object.keys(weights);
  const all = tenants.reduce((sum, tenant) => sum + (weights[tenant] ?? 0), 0);
  const served = new Map(tenants.map((tenant) => [tenant, 0]));
  const lags = new Map(tenants.map((tenant) => [tenant, 0]));
  let total = 0;
  const ours = log.held.filter(({ tenant }) => served.has(tenant));
  const used = ours.map(({ tenant, from, to }) => ({ tenant, from: from - transitMs, to }));
  for (let from = span.from; from < span.to; from += STEP_MS) {
    const step = { from, to: Math.min(from + STEP_MS, span.to) };
    for (const service of used) {
      const ms = overlap(service, step);
      served.set(service.tenant, (served.get(service.tenant) ?? 0) + ms);
      total += ms;
    }
    for (const tenant of tenants) {
      const lag = (total * (weights[tenant] ?? 0)) / all - (served.get(tenant) ?? 0);
      lags.set(tenant, Math.max(lag, lags.get(tenant) ?? 0));
    }
  }
  return tenants.map((tenant) => ({
    tenant,
    servedMs: served.get(tenant) ?? 0,
    entitledMs: (total * (weights[tenant] ?? 0)) / all,
    worstLagMs: lags.get(tenant) ?? 0,
  }));
}
export function debugGaps(log: ServiceLog, tenant: string, span: Span): string {
  const mine = log.all.filter((s) => s.tenant === tenant).sort((a, b) => a.from - b.from);
  const buckets = new Map<number, string>();
  for (let t = 0; t < 12000; t += 500) {
    const inside = mine.filter((s) => s.from - span.from >= t && s.from - span.from < t + 500);
    const waits = inside.map((s) => s.from - s.askedAt).sort((a, b) => a - b);
    buckets.set(t, `${inside.length}/${Math.round(waits.at(-1) ?? 0)}`);
  }
  return [...buckets.values()].join(' ');
}
