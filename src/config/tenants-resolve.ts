// From the terms of a tenant as they are written to those that the product works with: integer
// micro-units, nothing undefined in between. It checks nothing: its input has passed the schema.
import type { z } from 'zod';
import type { Period } from '../core/periods.ts';
import { microOf } from './costs-resolve.ts';
import type { tenantsSchema, WrittenTerms } from './tenants-schema.ts';

/** Requests and tokens a minute; without a burst it is the figure for a minute. */
export interface RateTerms {
  readonly requestsPerMinute?: number;
  readonly requestsBurst?: number;
  readonly tokensPerMinute?: number;
  readonly tokensBurst?: number;
}

export interface TenantBudget {
  readonly stopMicro: number;
  readonly warnMicro?: number;
  readonly period: Period;
}

export interface TenantTerms extends RateTerms {
  readonly enabled: boolean;
  readonly weight: number;
  /** Of requests that name none: 0 to 9, lower is more urgent. */
  readonly priority: number;
  readonly maxConcurrency?: number;
  readonly rateLimited: 'refuse' | 'wait';
  /** Aliases that it may ask for; undefined for all. */
  readonly routes?: readonly string[];
  /** Pools that may serve it; undefined for all. */
  readonly providers?: readonly string[];
  /** By pool. */
  readonly reservedSlots: Readonly<Record<string, number>>;
  readonly budget?: TenantBudget;
}

export interface TenantConfig {
  readonly name: string;
  readonly terms: TenantTerms;
  /** The secrets themselves. Never log them, never put them into an error. */
  readonly keys: readonly string[];
}

export function resolveTenants(file: z.output<typeof tenantsSchema>): Map<string, TenantConfig> {
  const entries = Object.entries(file).map(([name, { keys, ...written }]) => {
    return [name, { name, terms: resolveTerms(written), keys }] as const;
  });
  return new Map(entries);
}

export function resolveTerms(written: WrittenTerms): TenantTerms {
  const { enabled, weight, priority, rateLimited, reservedSlots } = written;
  const { maxConcurrency, routes, providers, budget } = written;
  return {
    enabled,
    weight,
    priority,
    rateLimited,
    reservedSlots,
    ...resolveRates(written),
    ...(maxConcurrency !== undefined && { maxConcurrency }),
    ...(routes && { routes }),
    ...(providers && { providers }),
    ...(budget && { budget: resolveBudget(budget) }),
  };
}

type Written<T> = { readonly [K in keyof T]?: T[K] | undefined };

export function resolveRates(written: Written<RateTerms>): RateTerms {
  const { requestsPerMinute, requestsBurst, tokensPerMinute, tokensBurst } = written;
  return {
    ...(requestsPerMinute !== undefined && { requestsPerMinute }),
    ...(requestsBurst !== undefined && { requestsBurst }),
    ...(tokensPerMinute !== undefined && { tokensPerMinute }),
    ...(tokensBurst !== undefined && { tokensBurst }),
  };
}

function resolveBudget({ stop, warn, period }: NonNullable<WrittenTerms['budget']>): TenantBudget {
  return {
    stopMicro: microOf(stop),
    ...(warn !== undefined && { warnMicro: microOf(warn) }),
    period,
  };
}
