// The description of the admin API, generated from the schemas that its routers validate with. A test
// holds it against the routes that exist.
import type { RequestHandler } from 'express';
import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import { z } from 'zod';
import {
  adminSchemas,
  createdKeySchema,
  keyListSchema,
  keySchema,
  tenantListSchema,
  tenantSchema,
} from './admin-schemas.ts';
import {
  budgetsSchema,
  explanationSchema,
  insightSchemas,
  spendSchema,
} from './admin-insight-schemas.ts';
import { breakerSchemas } from './admin-breakers.ts';
import {
  adminErrors as errors,
  alertPaths,
  lifePaths,
  rolloutPaths,
} from './admin-openapi-live.ts';
import { costsimPaths } from './costsim-openapi.ts';
import { canaryPaths } from './canary-openapi.ts';
import { adminDeferredPaths } from './deferred-openapi.ts';
import { answer, json } from './openapi-parts.ts';

export interface AdminOpenApiOptions {
  readonly version: string;
}

/** The OpenAPI 3.1 document as plain JSON. */
export function createAdminDocument({
  version,
}: AdminOpenApiOptions): ReturnType<typeof createDocument> {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Slotkeeper admin API',
      version,
      description:
        'Tenants, keys, insight and live changes. The token is `admin.token` of the configuration.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ adminToken: [] }],
    components: { securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } } },
    paths: {
      ...tenantPaths(),
      ...keyPaths(),
      ...insightPaths(),
      ...breakerPaths(),
      ...lifePaths(),
      ...rolloutPaths(),
      ...costsimPaths(),
      ...canaryPaths(),
      ...alertPaths(),
      ...adminDeferredPaths(),
    },
  });
}

/** Serves the document; it is generated once. */
export function serveAdminOpenApi(options: AdminOpenApiOptions): RequestHandler {
  const text = JSON.stringify(createAdminDocument(options));
  return (_req, res) => {
    res.type('application/json').send(text);
  };
}

function tenantPaths(): ZodOpenApiPathsObject {
  const { createTenant, changeTenant, tenantPath } = adminSchemas;
  const noTenant = { 404: 'There is no such tenant.' };
  const readOnly = { 409: 'The tenant is in the configuration: change it there.' };
  return {
    '/admin/tenants': {
      get: {
        operationId: 'listTenants',
        summary: 'All tenants, configured and created',
        responses: { 200: answer('The tenants.', tenantListSchema), ...errors({}) },
      },
      post: {
        operationId: 'createTenant',
        summary: 'Create a tenant; its limits hold on every daemon',
        requestBody: json(createTenant),
        responses: {
          201: answer('The tenant.', tenantSchema),
          ...errors({ 409: 'There is a tenant of this name.' }),
        },
      },
    },
    '/admin/tenants/{name}': {
      get: {
        operationId: 'showTenant',
        summary: 'One tenant',
        requestParams: { path: tenantPath },
        responses: { 200: answer('The tenant.', tenantSchema), ...errors(noTenant) },
      },
      patch: {
        operationId: 'changeTenant',
        summary: 'Change terms; null takes one back to its default',
        requestParams: { path: tenantPath },
        requestBody: json(changeTenant),
        responses: {
          200: answer('The tenant.', tenantSchema),
          ...errors({ ...noTenant, ...readOnly }),
        },
      },
      delete: {
        operationId: 'removeTenant',
        summary: 'Remove a tenant and all of its keys; its running requests end in peace',
        requestParams: { path: tenantPath },
        responses: {
          200: answer('It is gone.', z.strictObject({ result: z.literal('removed') })),
          ...errors({ ...noTenant, ...readOnly }),
        },
      },
    },
  };
}

function insightPaths(): ZodOpenApiPathsObject {
  return {
    '/admin/explain': {
      get: {
        operationId: 'explain',
        summary: 'Why a request would be granted, queued or refused now, account by account',
        requestParams: { query: insightSchemas.explainQuery },
        responses: {
          200: answer('What would be decided, and why.', explanationSchema),
          ...errors({ 404: 'There is no such route.' }),
        },
      },
    },
    '/admin/budgets': {
      get: {
        operationId: 'listBudgets',
        summary: 'What is settled and reserved under each budget in its current period',
        responses: { 200: answer('The budgets.', budgetsSchema), ...errors({}) },
      },
    },
    '/admin/spend': {
      get: {
        operationId: 'listSpend',
        summary: 'Where money went: by tenant, route and model of each period, or by run',
        requestParams: { query: insightSchemas.spendQuery },
        responses: { 200: answer('The dearest first.', spendSchema), ...errors({}) },
      },
    },
  };
}

function keyPaths(): ZodOpenApiPathsObject {
  const { createKey, keyPath, keyQuery } = adminSchemas;
  return {
    '/admin/keys': {
      get: {
        operationId: 'listKeys',
        summary: 'Created keys, revoked and expired ones too; never their secrets',
        requestParams: { query: keyQuery },
        responses: {
          200: answer('The keys.', keyListSchema),
          ...errors({ 404: 'There is no such tenant.' }),
        },
      },
      post: {
        operationId: 'createKey',
        summary: 'Create a key; it works on every daemon within a second',
        requestBody: json(createKey),
        responses: {
          201: answer('The key, with its secret.', createdKeySchema),
          ...errors({ 404: 'There is no such tenant.', 409: 'The tenant has too many keys.' }),
        },
      },
    },
    '/admin/keys/{id}': {
      delete: {
        operationId: 'revokeKey',
        summary: 'Revoke a key; it stops working on every daemon within a second',
        description: 'Idempotent. Requests that run already end in peace.',
        requestParams: { path: keyPath },
        responses: {
          200: answer('The key, revoked.', keySchema),
          ...errors({ 404: 'There is no such key.' }),
        },
      },
    },
    '/admin/openapi.json': {
      get: {
        operationId: 'readAdminOpenApi',
        summary: 'This document',
        responses: { 200: answer('OpenAPI 3.1.', z.looseObject({ openapi: z.string() })) },
      },
    },
  };
}

function breakerPaths(): ZodOpenApiPathsObject {
  const { breakersQuery, reset, resetDone, breakers } = breakerSchemas;
  return {
    '/admin/breakers': {
      get: {
        operationId: 'listBreakers',
        summary: 'Accounts with which something is wrong, and what has changed of late',
        requestParams: { query: breakersQuery },
        responses: { 200: answer('What is wrong.', breakers), ...errors({}) },
      },
    },
    '/admin/breakers/reset': {
      post: {
        operationId: 'resetBreakers',
        summary: 'Say that an account, or one model of it, is well again',
        description: 'Closes its breakers, ends its cooldown and brings it back into use.',
        requestBody: json(reset),
        responses: {
          200: answer('What was reset.', resetDone),
          ...errors({ 404: 'There is no such account, or it has no such model.' }),
        },
      },
    },
  };
}
