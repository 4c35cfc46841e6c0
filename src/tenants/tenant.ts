// A tenant as requests meet it: its terms, where they come from, and what they let it reach. It
// counts nothing: slots, rates and money are the heart's.
import { resolveTerms, type TenantConfig, type TenantTerms } from '../config/tenants-resolve.ts';
import { tenantTerms, EXACT, type WrittenTerms } from '../config/tenants-schema.ts';
import { z } from 'zod';

export interface Tenant {
  readonly name: string;
  /** `implicit`: the default tenant where nobody has given it terms. */
  readonly source: 'configuration' | 'admin' | 'implicit';
  readonly terms: TenantTerms;
  /** By name; undefined where all may be used. */
  readonly routes: ReadonlySet<string> | undefined;
}

/** Who makes a request: an API key's tenant. The admin's token makes none. */
export interface Principal {
  readonly tenant: Tenant;
  /** Of a created key; configured ones have none. */
  readonly keyId: string | undefined;
  readonly isAdmin: false;
}

const NO_LIMITS = resolveTerms(z.object(tenantTerms(EXACT)).parse({}));

export function implicitTenant(name: string): Tenant {
  return tenantOf(name, 'implicit', NO_LIMITS);
}

export function configuredTenant({ name, terms }: TenantConfig): Tenant {
  return tenantOf(name, 'configuration', terms);
}

export function createdTenant(name: string, written: WrittenTerms): Tenant {
  return tenantOf(name, 'admin', resolveTerms(written));
}

function tenantOf(name: string, source: Tenant['source'], terms: TenantTerms): Tenant {
  const routes = terms.routes && new Set(terms.routes);
  return Object.freeze({ name, source, terms, routes });
}

/** To a tenant, a route that it may not use looks as one that is not there. */
export function mayUse({ routes }: Tenant, alias: string): boolean {
  return routes === undefined || routes.has(alias);
}

export function mayBeServedBy({ terms }: Tenant, pool: string): boolean {
  return terms.providers === undefined || terms.providers.includes(pool);
}
