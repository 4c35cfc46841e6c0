// The admin API's tenants over HTTP: it translates between the wire and tenants/admin.ts. Terms go
// out as they came in; no key and no digest does.
import type { Request, RequestHandler, Router } from 'express';
import type { Config } from '../../config/schema.ts';
import type { WrittenTerms } from '../../config/tenants-schema.ts';
import { AppError } from '../../core/errors.ts';
import { MICRO_PER_UNIT } from '../../core/money.ts';
import type { Tenants } from '../../tenants/service.ts';
import type { Tenant } from '../../tenants/tenant.ts';
import { adminSchemas, type TenantBody } from './admin-schemas.ts';
import { keyState } from './admin-keys.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

export interface AdminDeps {
  readonly tenants: Tenants;
  readonly config: Pick<Config, 'server' | 'tenants'>;
}

export function addTenantRoutes(router: Router, deps: AdminDeps): void {
  router
    .route('/tenants')
    .get(listTenants(deps))
    .post(createTenant(deps))
    .all(refuseMethod(['GET', 'POST']));
  router
    .route('/tenants/:name')
    .get(showTenant(deps))
    .patch(changeTenant(deps))
    .delete(removeTenant(deps))
    .all(refuseMethod(['GET', 'PATCH', 'DELETE']));
}

function listTenants(deps: AdminDeps): RequestHandler {
  return async (_req, res) => {
    await deps.tenants.directory.renew();
    const all = [...deps.tenants.directory.tenants.values()];
    res.json({ tenants: all.map((tenant) => tenantBody(tenant, deps)) });
  };
}

function showTenant(deps: AdminDeps): RequestHandler {
  return async (req, res) => {
    const name = nameIn(req);
    await deps.tenants.directory.renew();
    res.json(bodyOf(name, deps));
  };
}

function createTenant(deps: AdminDeps): RequestHandler {
  return async (req, res) => {
    const { name, ...terms } = parse(adminSchemas.createTenant, req.body, 'body');
    await deps.tenants.admin.createTenant(name, terms);
    res.status(201).json(bodyOf(name, deps));
  };
}

function changeTenant(deps: AdminDeps): RequestHandler {
  return async (req, res) => {
    const name = nameIn(req);
    const change = parse(adminSchemas.changeTenant, req.body, 'body');
    await deps.tenants.admin.changeTenant(name, (terms) => changed(terms, change));
    res.json(bodyOf(name, deps));
  };
}

function removeTenant(deps: AdminDeps): RequestHandler {
  return async (req, res) => {
    await deps.tenants.admin.removeTenant(nameIn(req));
    res.json({ result: 'removed' });
  };
}

/** Null takes a term back to its default; the rest stays. */
function changed(terms: WrittenTerms, change: Readonly<Record<string, unknown>>): WrittenTerms {
  const merged: Readonly<Record<string, unknown>> = { ...terms, ...change };
  const given = Object.entries(merged).filter(([, value]) => value !== null);
  return parse(adminSchemas.terms, Object.fromEntries(given), 'body');
}

function nameIn(req: Request): string {
  return parse(adminSchemas.tenantPath, req.params, 'path').name;
}

function bodyOf(name: string, deps: AdminDeps): TenantBody {
  const tenant = deps.tenants.directory.tenants.get(name);
  if (tenant !== undefined) return tenantBody(tenant, deps);
  throw new AppError('tenant_not_found', 'There is no such tenant.');
}

function tenantBody({ name, source, terms }: Tenant, { tenants, config }: AdminDeps): TenantBody {
  const { budget, ...rest } = terms;
  const created = tenants.directory.entries.get(name)?.keys ?? [];
  const configured = config.tenants.get(name)?.keys.length ?? 0;
  const active = created.filter((key) => keyState(key) === 'active');
  const { routes, providers, ...numbers } = rest;
  return {
    name,
    source: source === 'admin' ? 'admin' : 'configuration',
    keys: active.length + configured,
    ...numbers,
    ...(routes && { routes: [...routes] }),
    ...(providers && { providers: [...providers] }),
    ...(budget && { budget: writtenBudget(budget) }),
  };
}

/** Units of the currency, as they were written: six decimals survive the way there and back. */
function writtenBudget({ stopMicro, warnMicro, period }: NonNullable<Tenant['terms']['budget']>) {
  const stop = stopMicro / MICRO_PER_UNIT;
  if (warnMicro === undefined) return { stop, period };
  return { stop, warn: warnMicro / MICRO_PER_UNIT, period };
}
