// The admin API's description against the routes that exist, and against itself.
import { Router } from 'express';
import { describe, expect, it } from 'vitest';
import { addAlertRoutes } from '../../../src/http/routes/admin-alerts.ts';
import { addAdminDeferredRoutes } from '../../../src/http/routes/admin-deferred.ts';
import { addBreakerRoutes } from '../../../src/http/routes/admin-breakers.ts';
import { addInsightRoutes } from '../../../src/http/routes/admin-insight.ts';
import { addKeyRoutes } from '../../../src/http/routes/admin-keys.ts';
import { addCostsimRoutes } from '../../../src/http/routes/costsim.ts';
import { addCanaryRoutes } from '../../../src/http/routes/canary.ts';
import { createAdminDocument } from '../../../src/http/routes/admin-openapi.ts';
import { addReloadRoute } from '../../../src/http/routes/admin-reload.ts';
import { addRolloutRoutes } from '../../../src/http/routes/admin-rollouts.ts';
import { addSwitchRoutes } from '../../../src/http/routes/admin-switches.ts';
import { addTenantRoutes } from '../../../src/http/routes/admin-tenants.ts';

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

function existingRoutes(): string[] {
  const router = Router();
  // Routes are only listed here: nothing of what serves them is touched.
  const unused = {} as never;
  addTenantRoutes(router, unused);
  addKeyRoutes(router, { tenants: unused });
  addBreakerRoutes(router, { insight: unused, scheduler: unused, config: unused });
  addInsightRoutes(router, { config: unused, insight: unused });
  addAlertRoutes(router, { outbox: unused });
  addAdminDeferredRoutes(router, { deferral: unused, config: unused });
  addReloadRoute(router, {});
  addRolloutRoutes(router, { rollouts: unused, stats: unused });
  addSwitchRoutes(router, { config: unused, switches: unused });
  const [costsim, canary] = [Router(), Router()];
  addCostsimRoutes(costsim, unused);
  addCanaryRoutes(canary, { canary: unused });
  return [
    ...routesOf(router, '/admin'),
    ...routesOf(costsim, '/costsim'),
    ...routesOf(canary, '/costsim/canary'),
  ];
}

function routesOf(router: Router, root: string): string[] {
  return (router.stack as unknown as readonly Layer[]).flatMap(({ route }) => {
    const methods = Object.keys(route?.methods ?? {}).filter((method) => method !== '_all');
    const path = route?.path.replace(/:(\w+)/g, '{$1}') ?? '';
    return methods.map((method) => `${method} ${root}${path}`);
  });
}

describe('the admin API’s document', () => {
  const document = createAdminDocument({ version: '1.2.3' });

  it('describes every route, and no others', () => {
    const described = Object.entries(document.paths ?? {}).flatMap(([path, item]) => {
      return Object.keys(item).map((method) => `${method} ${path}`);
    });

    const existing = [...existingRoutes(), 'get /admin/openapi.json'];
    expect(existing).toContain('delete /admin/keys/{id}');
    expect(described.sort()).toEqual(existing.sort());
  });

  it('has no reference that leads nowhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)];

    expect(references.length).toBeGreaterThan(5);
    for (const [, path = ''] of references) {
      const found = path
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document);
      expect(found, path).toBeDefined();
    }
  });

  it('lets a change leave out or take back every term, and a new tenant need its name alone', () => {
    const schemas = document.components?.schemas as Record<string, Record<string, unknown>>;

    expect(schemas['NewTenant']).toMatchObject({ required: ['name'], additionalProperties: false });
    expect(schemas['TenantChange']).not.toHaveProperty('required');
    expect(JSON.stringify(schemas['TenantChange'])).toContain('"null"');
    expect(JSON.stringify(document)).not.toContain('digest');
  });
});
