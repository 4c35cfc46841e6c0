// The admin API's keys over HTTP. A secret leaves once, in the answer that creates it; nothing else
// tells more than what a key is called and when it ends.
import type { RequestHandler, Router } from 'express';
import { AppError } from '../../core/errors.ts';
import type { StoredKey } from '../../tenants/entry.ts';
import type { Tenants } from '../../tenants/service.ts';
import { adminSchemas, type KeyBody } from './admin-schemas.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

interface KeyDeps {
  readonly tenants: Tenants;
}

export function addKeyRoutes(router: Router, { tenants }: KeyDeps): void {
  router
    .route('/keys')
    .get(listKeys(tenants))
    .post(createKey(tenants))
    .all(refuseMethod(['GET', 'POST']));
  router
    .route('/keys/:id')
    .delete(revokeKey(tenants))
    .all(refuseMethod(['DELETE']));
}

/** Without a tenant those of all. */
function listKeys({ directory }: Tenants): RequestHandler {
  return async (req, res) => {
    const { tenant } = parse(adminSchemas.keyQuery, { ...req.query }, 'query');
    await directory.renew();
    if (tenant !== undefined && !directory.tenants.has(tenant)) {
      throw new AppError('tenant_not_found', 'There is no such tenant.', { param: 'tenant' });
    }
    const entries = [...directory.entries].filter(([name]) => (tenant ?? name) === name);
    const keys = entries.flatMap(([name, entry]) => entry.keys.map((key) => keyBody(name, key)));
    res.json({ keys });
  };
}

function createKey({ admin }: Tenants): RequestHandler {
  return async (req, res) => {
    const { expiresAt, ...wish } = parse(adminSchemas.createKey, req.body, 'body');
    const expiresAtMs = expiresAt === undefined ? undefined : Date.parse(expiresAt);
    const { key, secret } = await admin.createKey({ ...wish, expiresAtMs });
    // The one answer with a secret in it: no cache on the way may keep it.
    res.setHeader('cache-control', 'no-store');
    res.status(201).json({ ...keyBody(wish.tenant, key), key: secret });
  };
}

function revokeKey({ admin }: Tenants): RequestHandler {
  return async (req, res) => {
    const { id } = parse(adminSchemas.keyPath, req.params, 'path');
    const { tenant, key } = await admin.revokeKey(id);
    res.json(keyBody(tenant, key));
  };
}

function keyBody(tenant: string, key: StoredKey): KeyBody {
  const { id, name, createdAt, expiresAt, revokedAt } = key;
  return { id, tenant, name, createdAt, expiresAt, revokedAt, state: keyState(key) };
}

export function keyState({ expiresAt, revokedAt }: StoredKey): KeyBody['state'] {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'active';
}
