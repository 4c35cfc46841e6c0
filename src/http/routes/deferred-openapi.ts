// The descriptions of deferred requests: for their tenants, and for operators.
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { z } from 'zod';
import { deferredSchemas as schemas } from './admin-deferred.ts';
import { adminErrors } from './admin-openapi-live.ts';
import { jobPath, jobQuery, STATUSES } from './deferred.ts';
import { answer, errorAnswers, json } from './openapi-parts.ts';

const time = z.iso.datetime();

const deferred = z
  .strictObject({
    object: z.literal('deferred'),
    id: z.string(),
    status: z.enum(STATUSES),
    stage: z.string(),
    slot: z.string(),
    reason: z.string().nullable(),
    deferrals: z.number().int(),
    submitted_at: time,
    due_at: time,
    expires_at: time,
    ended_at: time.nullable(),
    status_url: z.string(),
    response: z
      .strictObject({
        status: z.number().int(),
        content_type: z.string().nullable(),
        body: z.unknown().meta({ description: 'The upstream’s JSON; its text where it is none.' }),
      })
      .optional()
      .meta({ description: 'Of one that was answered.' }),
    error: z
      .strictObject({ code: z.string(), message: z.string() })
      .optional()
      .meta({ description: 'Of one that ended without an answer.' }),
  })
  .meta({ id: 'Deferred' });

const deferredList = z.strictObject({
  object: z.literal('list'),
  data: z.array(deferred),
  next: z.string().nullable(),
});

const deleted = z.strictObject({
  object: z.literal('deferred.deleted'),
  id: z.string(),
  deleted: z.literal(true),
});

const own = (specific: Readonly<Record<number, string>> = {}) =>
  errorAnswers({
    400: 'The request is malformed; the message names every fault.',
    401: 'The API key is missing or wrong.',
    503: 'The store cannot serve just now.',
    ...specific,
  });

/** Below /v1: what a tenant sees of its own. */
export function deferredPaths(): ZodOpenApiPathsObject {
  const gone = own({ 404: 'There is no such deferred request of this tenant.' });
  const requestParams = { path: jobPath };
  return {
    '/v1/deferred': {
      get: {
        operationId: 'listDeferred',
        summary: 'Deferred requests of the caller, in the order in which they were parked',
        requestParams: { query: jobQuery },
        responses: { 200: answer('A page of them.', deferredList), ...own() },
      },
    },
    '/v1/deferred/{id}': {
      get: {
        operationId: 'showDeferred',
        summary: 'One deferred request, with its answer once it has one',
        requestParams,
        responses: { 200: answer('As it stands.', deferred), ...gone },
      },
      delete: {
        operationId: 'deleteDeferred',
        summary: 'Delete a deferred request and its answer; one that waits or runs is cancelled',
        requestParams,
        responses: { 200: answer('It is gone.', deleted), ...gone },
      },
    },
    '/v1/deferred/{id}/cancel': {
      post: {
        operationId: 'cancelDeferred',
        summary: 'Cancel a deferred request; one that has ended stays as it is',
        requestParams,
        responses: { 200: answer('As it stands.', deferred), ...gone },
      },
    },
  };
}

const OFF = { 400: 'The request is malformed, or deferral is off.' };

/** Below /admin: what operators see and do. */
export function adminDeferredPaths(): ZodOpenApiPathsObject {
  const requestParams = { path: schemas.path };
  const gone = { ...OFF, 404: 'There is no such deferred request.' };
  const change = (operationId: string, summary: string, conflict: string) => ({
    post: {
      operationId,
      summary,
      requestParams,
      responses: {
        200: answer('It is done.', schemas.done),
        ...adminErrors({ ...gone, 409: conflict }),
      },
    },
  });
  return {
    '/admin/deferred': {
      get: {
        operationId: 'listDeferredJobs',
        summary: 'Deferred work of all tenants, and how many jobs stand where',
        requestParams: { query: schemas.query },
        responses: { 200: answer('A page of jobs.', schemas.list), ...adminErrors(OFF) },
      },
    },
    '/admin/deferred/{id}': {
      get: {
        operationId: 'showDeferredJob',
        summary: 'One job, without its request and its answer',
        requestParams,
        responses: { 200: answer('The job.', schemas.job), ...adminErrors(gone) },
      },
      delete: {
        operationId: 'dropDeferredJob',
        summary: 'Delete a job; one that waits or runs is cancelled',
        requestParams,
        responses: { 200: answer('It is gone.', schemas.done), ...adminErrors(gone) },
      },
    },
    '/admin/deferred/{id}/retry': change(
      'retryDeferredJob',
      'Make a job due now, also a dead one',
      'It runs, or has ended.',
    ),
    '/admin/deferred/{id}/cancel': change(
      'cancelDeferredJob',
      'End a job without an answer; one that runs is cut',
      'It has ended.',
    ),
    ...drainPaths(),
  };
}

function drainPaths(): ZodOpenApiPathsObject {
  return {
    '/admin/deferred/drains': {
      post: {
        operationId: 'drainStage',
        summary: 'Make parked jobs of a stage due now',
        requestBody: json(schemas.drain),
        responses: {
          200: answer('So many are due.', schemas.drained),
          ...adminErrors({ 400: 'The stage is not drained, or the slot `deep` has no route.' }),
        },
      },
    },
    '/admin/deferred/drains/{number}': {
      get: {
        operationId: 'showDrain',
        summary: 'What has become of the jobs of one of the last drains',
        requestParams: { path: schemas.drainPath },
        responses: {
          200: answer('What is counted so far.', schemas.progress),
          ...adminErrors({ ...OFF, 404: 'No such drain is known.' }),
        },
      },
    },
  };
}
