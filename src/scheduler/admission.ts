// What the cell is told of tenants and budgets: the terms as the application gives them, and the
// bytes as the scripts read them (lua/tenants/tenants.lua, lua/budget/ledger.lua).
import { periodStarts } from '../core/periods.ts';
import type { Period } from '../core/periods.ts';
import { CODES } from '../redis/codes.ts';

const MS_PER_MINUTE = 60_000;
const NO_LIMIT = -1;
/** Boundaries reach this far ahead; a daemon renews them long before they end. */
const DAYS_AHEAD = 400;
const MONTHS_AHEAD = 36;

/** Money is whole micro-units of the configured currency. */
export interface TenantBudget {
  readonly stopMicro: number;
  readonly warnMicro?: number;
  readonly period: Period;
}

export interface RateTerms {
  readonly requestsPerMinute?: number;
  /** Requests that may come at once after a pause; as many as a minute's by default. */
  readonly requestsBurst?: number;
  readonly tokensPerMinute?: number;
  readonly tokensBurst?: number;
}

/** What a tenant may use. What is left out is not limited. */
export interface SchedulerTenant extends RateTerms {
  readonly name: string;
  /** Share of contended capacity beside others, an integer from 1 to 1000. */
  readonly weight: number;
  /** Slots over all pools. */
  readonly maxConcurrency?: number;
  /** Whether a request above the rate is refused at once (default) or waits for its turn. */
  readonly rateLimited?: 'refuse' | 'wait';
  /** By pool: slots that its waiters get before others'. */
  readonly reservedSlots?: Readonly<Record<string, number>>;
  readonly budget?: TenantBudget;
}

/** One budget over everything that the cell spends. */
export interface GlobalBudget {
  readonly warnMicro: number;
  readonly stopMicro: number;
  readonly period: Period;
}

export interface AdmissionPolicy {
  readonly tenants: readonly SchedulerTenant[];
  readonly budget?: GlobalBudget;
  /** IANA name: where days and months of budgets begin. */
  readonly timeZone: string;
}

/** Nobody is registered and nothing is budgeted. */
export const OPEN_ADMISSION: AdmissionPolicy = { tenants: [], timeZone: 'UTC' };

/** Who has registered a tenant: a configuration replaces its own ones only. */
export type TenantSource = 'configuration' | 'admin';

function writeText(text: string): Buffer {
  const raw = Buffer.from(text);
  return Buffer.concat([Buffer.from([raw.length]), raw]);
}

/** Interval and burst in ms of requests, then of tokens; 0 for no limit. */
export function rateNumbers(rates: RateTerms): readonly [number, number, number, number] {
  const { requestsPerMinute, tokensPerMinute } = rates;
  const { requestsBurst = requestsPerMinute, tokensBurst = tokensPerMinute } = rates;
  return [
    interval(requestsPerMinute),
    interval(requestsPerMinute) * (requestsBurst ?? 0),
    interval(tokensPerMinute),
    interval(tokensPerMinute) * (tokensBurst ?? 0),
  ];
}

function interval(perMinute: number | undefined): number {
  return perMinute === undefined ? 0 : MS_PER_MINUTE / perMinute;
}

/** Terms, then the reserved slots: pool and number in turn. */
export function writeTenant(tenant: SchedulerTenant, source: TenantSource): Buffer {
  const { budget } = tenant;
  const fixed = Buffer.alloc(CODES.TENANTS.terms);
  fixed.writeUInt8(1, 0);
  const flags = (tenant.rateLimited === 'wait' ? 1 : 0) + (source === 'admin' ? 2 : 0);
  fixed.writeUInt8(flags, 1);
  fixed.writeUInt32LE(tenant.weight, 2);
  fixed.writeUInt32LE(tenant.maxConcurrency ?? 0, 6);
  const doubles = [
    ...rateNumbers(tenant),
    budget?.stopMicro ?? NO_LIMIT,
    budget?.warnMicro ?? NO_LIMIT,
  ];
  doubles.forEach((value, i) => fixed.writeDoubleLE(value, 10 + 8 * i));
  fixed.writeUInt8(budget === undefined ? 0 : CODES.PERIOD[budget.period], 58);
  const reserved = Object.entries(tenant.reservedSlots ?? {}).map(([pool, slots]) => {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(slots, 0);
    return Buffer.concat([writeText(pool), number]);
  });
  return Buffer.concat([fixed, ...reserved]);
}

/** Kind of period (0: no budget), warn, stop. */
export function writePolicy(budget: GlobalBudget | undefined): Buffer {
  const raw = Buffer.alloc(CODES.LEDGER.policy_size);
  raw.writeUInt8(budget === undefined ? 0 : CODES.PERIOD[budget.period], 0);
  raw.writeDoubleLE(budget?.warnMicro ?? NO_LIMIT, 1);
  raw.writeDoubleLE(budget?.stopMicro ?? NO_LIMIT, 9);
  return raw;
}

/** The fields of the ledger that a configuration sets. */
export function ledgerFields(
  { budget, timeZone }: AdmissionPolicy,
  nowMs: number,
): (readonly [string, Buffer])[] {
  const { policy, boundaries } = CODES.LEDGER;
  const field = (text: string): string => text.replaceAll("'", '');
  return [
    [field(policy), writePolicy(budget)],
    ...(['day', 'month'] as const).map((period) => {
      const name = `${field(boundaries)}${CODES.PERIOD[period]}`;
      return [name, writeBoundaries(period, { timeZone, nowMs })] as const;
    }),
  ];
}

/** The boundaries of a kind of period around `nowMs`, ascending. */
export function writeBoundaries(
  period: 'day' | 'month',
  options: { readonly timeZone: string; readonly nowMs: number },
): Buffer {
  const count = period === 'day' ? DAYS_AHEAD : MONTHS_AHEAD;
  const starts = periodStarts(period, { ...options, fromMs: options.nowMs, count });
  const raw = Buffer.alloc(8 * starts.length);
  starts.forEach((ms, i) => raw.writeDoubleLE(ms, 8 * i));
  return raw;
}
