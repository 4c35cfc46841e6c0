// The description of the admin API, generated from the schemas that its routers validate with. A test
// holds it against the routes that exist.
import type { RequestHandler } from 'express';
import {
  createDocument,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
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
import { reloadedSchema } from './admin-reload.ts';
import { rolloutListSchema, rolloutSchema, rolloutSchemas } from './admin-rollouts.ts';
import { switchListSchema, switchSchema, switchSchemas } from './admin-switches.ts';
import { answer, errorAnswers, json } from './openapi-parts.ts';

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
      ...lifePaths(),
      ...rolloutPaths(),
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

function lifePaths(): ZodOpenApiPathsObject {
  return {
    '/admin/switches': {
      get: {
        operationId: 'listSwitches',
        summary: 'How each pool is scheduled',
        responses: { 200: answer('All pools.', switchListSchema), ...errors({}) },
      },
    },
    '/admin/switches/{pool}': {
      put: {
        operationId: 'changeSwitch',
        summary:
          'Enforce, observe or turn off a pool’s scheduling, on every daemon within a second',
        requestParams: { path: switchSchemas.path },
        requestBody: json(switchSchemas.change),
        responses: {
          200: answer('The switch.', switchSchema),
          ...errors({ 404: 'There is no such pool.' }),
        },
      },
    },
    '/admin/reload': {
      post: {
        operationId: 'reload',
        summary: 'Read the configuration again; all of it is in force then, or nothing is',
        responses: {
          200: answer('What has changed.', reloadedSchema),
          ...errors({ 422: 'It cannot be used; the message names every fault.' }),
        },
      },
    },
  };
}

function rolloutPaths(): ZodOpenApiPathsObject {
  return {
    '/admin/rollouts': {
      get: {
        operationId: 'listRollouts',
        summary: 'The rollouts and the percentages in force',
        responses: { 200: answer('All rollouts.', rolloutListSchema), ...errors({}) },
      },
    },
    '/admin/rollouts/{name}': {
      get: {
        operationId: 'showRollout',
        summary: 'What the arms of a rollout came to, over all daemons',
        requestParams: { path: rolloutSchemas.path },
        responses: {
          200: answer('The rollout.', rolloutSchema),
          ...errors({ 404: 'There is no such rollout.' }),
        },
      },
      put: {
        operationId: 'changeRollout',
        summary: 'Change percentages, on every daemon within a second; the base gets the rest',
        requestParams: { path: rolloutSchemas.path },
        requestBody: json(rolloutSchemas.change),
        responses: {
          200: answer('The rollout.', rolloutSchema),
          ...errors({ 404: 'There is no such rollout.' }),
        },
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

function errors(specific: Readonly<Record<number, string>>): ZodOpenApiResponsesObject {
  return errorAnswers({
    400: 'The request is malformed; the message names every fault.',
    401: 'The admin token is missing or wrong; API keys do not serve here.',
    403: 'The admin API is closed: no token is configured.',
    413: 'The body is larger than 64 KB.',
    415: 'The body is not application/json.',
    429: 'Too many wrong tokens from this address.',
    503: 'The store does not answer; repeat after `retry-after-ms`.',
    ...specific,
  });
}
