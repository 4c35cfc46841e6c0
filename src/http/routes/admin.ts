// The admin API: its routes in one router, behind the admin's token. What they do is in
// tenants/admin.ts.
import express, { Router } from 'express';
import type { ReloadResult } from '../../config/reloading.ts';
import type { Config } from '../../config/schema.ts';
import type { Rollout } from '../../rollout/service.ts';
import type { Insight } from '../../scheduler/insight.ts';
import type { Tenants } from '../../tenants/service.ts';
import { requireAdminToken } from '../admin-auth.ts';
import { addAlertRoutes, type AlertRoutesDeps } from './admin-alerts.ts';
import { addAdminDeferredRoutes, type AdminDeferredDeps } from './admin-deferred.ts';
import { addBreakerRoutes, type HealthKeeper } from './admin-breakers.ts';
import { addInsightRoutes } from './admin-insight.ts';
import { addKeyRoutes } from './admin-keys.ts';
import { serveAdminOpenApi } from './admin-openapi.ts';
import { addReloadRoute } from './admin-reload.ts';
import { addRolloutRoutes } from './admin-rollouts.ts';
import { addSwitchRoutes } from './admin-switches.ts';
import { addTenantRoutes } from './admin-tenants.ts';
import { refuseMethod, requireJson } from './json-body.ts';

const MAX_BODY_BYTES = 64 * 1024;

export interface AdminRouterDeps {
  readonly config: Pick<
    Config,
    'admin' | 'server' | 'tenants' | 'routes' | 'budget' | 'accounts' | 'sessions' | 'deferral'
  >;
  readonly scheduler: HealthKeeper;
  readonly insight: Insight;
  readonly tenants: Tenants;
  readonly rollout?: Pick<Rollout, 'switches' | 'rollouts' | 'stats'> | undefined;
  readonly outbox?: AlertRoutesDeps['outbox'];
  readonly deferral?: AdminDeferredDeps['deferral'];
  readonly version: string;
  readonly reload?: (() => Promise<ReloadResult>) | undefined;
}

/** Routes below /admin. */
export function createAdminRouter(deps: AdminRouterDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use(requireAdminToken({ token: () => deps.config.admin.token }));
  // Before the body is read: who has no token is not listened to.
  router.use(requireJson, express.json({ limit: MAX_BODY_BYTES, inflate: false }));
  router
    .route('/openapi.json')
    .get(serveAdminOpenApi(deps))
    .all(refuseMethod(['GET']));
  addTenantRoutes(router, deps);
  addKeyRoutes(router, deps);
  addInsightRoutes(router, deps);
  addBreakerRoutes(router, deps);
  addReloadRoute(router, deps);
  addAlertRoutes(router, { outbox: deps.outbox });
  const { config, rollout, deferral } = deps;
  addAdminDeferredRoutes(router, { config, deferral });
  if (rollout !== undefined) {
    addSwitchRoutes(router, { config, switches: rollout.switches });
    addRolloutRoutes(router, rollout);
  }
  return router;
}
