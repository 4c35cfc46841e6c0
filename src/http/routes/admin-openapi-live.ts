// The description of what changes a running fleet: reload, switches, rollouts. See admin-openapi.ts.
import type { ZodOpenApiPathsObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { alertSchemas } from './admin-alerts.ts';
import { reloadedSchema } from './admin-reload.ts';
import { rolloutListSchema, rolloutSchema, rolloutSchemas } from './admin-rollouts.ts';
import { switchListSchema, switchSchema, switchSchemas } from './admin-switches.ts';
import { answer, errorAnswers, json } from './openapi-parts.ts';

export function lifePaths(): ZodOpenApiPathsObject {
  return {
    '/admin/switches': {
      get: {
        operationId: 'listSwitches',
        summary: 'How each pool is scheduled',
        responses: { 200: answer('All pools.', switchListSchema), ...adminErrors({}) },
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
          ...adminErrors({ 404: 'There is no such pool.' }),
        },
      },
    },
    '/admin/reload': {
      post: {
        operationId: 'reload',
        summary: 'Read the configuration again; all of it is in force then, or nothing is',
        responses: {
          200: answer('What has changed.', reloadedSchema),
          ...adminErrors({ 422: 'It cannot be used; the message names every fault.' }),
        },
      },
    },
  };
}

export function rolloutPaths(): ZodOpenApiPathsObject {
  return {
    '/admin/rollouts': {
      get: {
        operationId: 'listRollouts',
        summary: 'The rollouts and the percentages in force',
        responses: { 200: answer('All rollouts.', rolloutListSchema), ...adminErrors({}) },
      },
    },
    '/admin/rollouts/{name}': {
      get: {
        operationId: 'showRollout',
        summary: 'What the arms of a rollout came to, over all daemons',
        requestParams: { path: rolloutSchemas.path },
        responses: {
          200: answer('The rollout.', rolloutSchema),
          ...adminErrors({ 404: 'There is no such rollout.' }),
        },
      },
      put: {
        operationId: 'changeRollout',
        summary: 'Change percentages, on every daemon within a second; the base gets the rest',
        requestParams: { path: rolloutSchemas.path },
        requestBody: json(rolloutSchemas.change),
        responses: {
          200: answer('The rollout.', rolloutSchema),
          ...adminErrors({ 404: 'There is no such rollout.' }),
        },
      },
    },
  };
}

export function alertPaths(): ZodOpenApiPathsObject {
  const { alertPath, alertDone, alerts } = alertSchemas;
  const noDelivery = { 404: 'No such delivery waits, or it is being sent.' };
  return {
    '/admin/alerts': {
      get: {
        operationId: 'listAlerts',
        summary: 'Alerts that fire or did of late, and what is on its way to whom',
        responses: { 200: answer('The alerts.', alerts), ...adminErrors({}) },
      },
    },
    '/admin/alerts/deliveries/{id}': {
      post: {
        operationId: 'retryAlert',
        summary: 'Try a delivery at once, also one that was given up',
        requestParams: { path: alertPath },
        responses: { 200: answer('It is queued.', alertDone), ...adminErrors(noDelivery) },
      },
      delete: {
        operationId: 'dropAlert',
        summary: 'Give a delivery up for good',
        requestParams: { path: alertPath },
        responses: { 200: answer('It is gone.', alertDone), ...adminErrors(noDelivery) },
      },
    },
  };
}

/** What every path of the admin API may answer beside its own. */
export function adminErrors(specific: Readonly<Record<number, string>>): ZodOpenApiResponsesObject {
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
