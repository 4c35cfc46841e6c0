// The description of the Scheduler API and of the daemon's own paths, generated from the schemas
// that the routers validate with. A test holds it against the routes that exist.
import type { RequestHandler } from 'express';
import {
  createDocument,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { z } from 'zod';
import { V2_BREAKERS } from '../../core/events.ts';
import { deferredPaths } from './deferred-openapi.ts';
import { answer, errorAnswers, json } from './openapi-parts.ts';
import { laneHoldSchema, renewedSchema, slotSchema } from './scheduler-schemas.ts';
import {
  movedSchema,
  releasedSchema,
  schedulerSchemas,
  type SchedulerSchemas,
} from './scheduler-use-schemas.ts';

export interface OpenApiOptions {
  readonly version: string;
  readonly maxLeaseMs: number;
}

/** The OpenAPI 3.1 document as plain JSON. */
export function createOpenApiDocument(options: OpenApiOptions): ReturnType<typeof createDocument> {
  const schemas = schedulerSchemas(options);
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Slotkeeper Scheduler API',
      version: options.version,
      description:
        'Slots of upstream accounts over HTTP, for a proxy in any language: acquire, renew while you forward, release with an outcome.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { apiKey: [] }],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
    paths: { ...slotPaths(schemas), ...deferredPaths(), ...daemonPaths() },
  });
}

/** Serves the document; it is generated once. */
export function serveOpenApi(options: OpenApiOptions): RequestHandler {
  const text = JSON.stringify(createOpenApiDocument(options));
  return (_req, res) => {
    res.type('application/json').send(text);
  };
}

function slotPaths(schemas: SchedulerSchemas): ZodOpenApiPathsObject {
  return {
    '/scheduler/slots': {
      post: {
        operationId: 'acquireSlot',
        summary: 'Take a slot of the best account, in one atomic step',
        requestBody: json(schemas.acquire),
        responses: {
          201: answer('A slot was taken.', slotSchema),
          200: answer('This id holds a slot already; this is the same lease.', slotSchema),
          ...errors({
            404: 'No such route, pool or model.',
            409: 'Another caller uses this id, or it was used with other parameters.',
            429: 'All slots are taken; repeat after `retry-after-ms`.',
          }),
        },
      },
    },
    '/scheduler/slots/{requestId}': {
      delete: {
        operationId: 'releaseSlot',
        summary: 'Give a slot back with its outcome, or cancel a request whose answer was not seen',
        description:
          'Idempotent. Fence and outcome go into the body or the query, not both. Without a fence the request is cancelled: a slot that it holds is released, and a late acquire with its id is refused.',
        requestParams: { path: schemas.path, query: schemas.releaseQuery },
        requestBody: { ...json(schemas.release), required: false },
        responses: { 200: answer('The slot is not held any more.', releasedSchema), ...errors({}) },
      },
    },
    '/scheduler/slots/{requestId}/renew': {
      post: {
        operationId: 'renewSlot',
        summary: 'Extend a lease from now on; do it at a third of its life',
        requestParams: { path: schemas.path },
        requestBody: json(schemas.renew),
        responses: {
          200: answer('The lease lives on.', renewedSchema),
          ...errors({ 404: 'The lease is not held with this fence: stop the work.' }),
        },
      },
    },
    ...movePaths(schemas),
    ...lanePaths(schemas),
    '/scheduler/openapi.json': {
      get: {
        operationId: 'readOpenApi',
        summary: 'This document',
        responses: { 200: answer('OpenAPI 3.1.', z.looseObject({ openapi: z.string() })) },
      },
    },
  };
}

function movePaths(schemas: SchedulerSchemas): ZodOpenApiPathsObject {
  return {
    '/scheduler/slots/{requestId}/move': {
      post: {
        operationId: 'moveSlot',
        summary: 'Give the account back with its outcome and take another one, in one atomic step',
        description:
          'For the same request: its lane, its reservation and its place stay. Idempotent: by the old fence it tells the same again. A refusal after waiting leaves the lease without an account: move it again, or give it back.',
        requestParams: { path: schemas.path },
        requestBody: json(schemas.move),
        responses: {
          200: answer('The request is held on this account, under this fence.', movedSchema),
          ...errors({
            404: 'The lease is not held with this fence, or no such route, pool or model.',
            429: 'No other account is free, or became free in time.',
          }),
        },
      },
    },
  };
}

function lanePaths(schemas: SchedulerSchemas): ZodOpenApiPathsObject {
  return {
    '/scheduler/lanes': {
      post: {
        operationId: 'acquireLane',
        summary: 'Take a session’s lane alone: one holder at a time, in the order of arrival',
        requestBody: json(schemas.lane),
        responses: {
          201: answer('The lane is held.', laneHoldSchema),
          200: answer('This id holds the lane already; this is the same lease.', laneHoldSchema),
          ...errors({
            409: 'Another caller uses this id, or it was used with other parameters.',
            429: 'Another request holds the lane; wait with `waitMs`, or repeat.',
          }),
        },
      },
    },
    '/scheduler/lanes/{requestId}': {
      delete: {
        operationId: 'releaseLane',
        summary: 'Give a lane back by its fence, or cancel a request whose answer was not seen',
        requestParams: { path: schemas.path, query: schemas.releaseQuery },
        requestBody: { ...json(schemas.release), required: false },
        responses: { 200: answer('The lane is not held any more.', releasedSchema), ...errors({}) },
      },
    },
    '/scheduler/lanes/{requestId}/renew': {
      post: {
        operationId: 'renewLane',
        summary: 'Extend a lane’s lease from now on; do it at a third of its life',
        requestParams: { path: schemas.path },
        requestBody: json(schemas.renew),
        responses: {
          200: answer('The lease lives on.', renewedSchema),
          ...errors({ 404: 'The lane is not held with this fence: stop the work.' }),
        },
      },
    },
  };
}

const costsim = z
  .object({
    breaker: z.enum([...V2_BREAKERS, 'outdated']),
    v2: z.enum(['enabled', 'disabled']),
  })
  .optional()
  .meta({
    description: 'Whether the estimator v2 is in service, as this daemon’s last tick knew.',
  });
const readiness = z.object({
  status: z.enum(['ready', 'not_ready', 'draining']),
  reason: z.string().optional(),
  costsim,
});
const health = z.object({
  status: z.literal('ok'),
  version: z.string(),
  uptimeSeconds: z.number(),
  sim: z.string().optional().meta({ description: 'The built-in upstream of a demonstration.' }),
  costsim,
});

function daemonPaths(): ZodOpenApiPathsObject {
  const live = (operationId: string) => ({
    get: {
      operationId,
      summary: 'Whether the process is up',
      security: [],
      responses: { 200: answer('It is.', health) },
    },
  });
  return {
    '/healthz': live('readHealth'),
    '/health': live('readHealthAlias'),
    '/readyz': {
      get: {
        operationId: 'readReadiness',
        summary: 'Whether requests can be served: runs the heart’s script in the store',
        security: [],
        responses: {
          200: answer('Ready.', readiness),
          503: answer('Not ready, and why.', readiness),
        },
      },
    },
    '/metrics': {
      get: {
        operationId: 'readMetrics',
        summary: 'Prometheus metrics; open on loopback, guarded by the key elsewhere',
        responses: {
          200: { description: 'Metrics.', content: { 'text/plain': { schema: z.string() } } },
        },
      },
    },
  };
}

function errors(specific: Readonly<Record<number, string>>): ZodOpenApiResponsesObject {
  const all: Readonly<Record<number, string>> = {
    400: 'The request is malformed; the message names every fault.',
    401: 'The API key is missing or wrong.',
    413: 'The body is larger than 64 KB.',
    415: 'The body is not application/json.',
    503: 'The store, or every account, is unavailable now; repeat after `retry-after-ms`.',
    ...specific,
  };
  return errorAnswers(all);
}
