// The description of /costsim/canary, a part of the admin API's document. See admin-openapi.ts.
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { adminErrors } from './admin-openapi-live.ts';
import { canaryReportSchema, canarySchemas } from './canary.ts';
import { answer, json } from './openapi-parts.ts';

const GONE = { 404: 'There is no such run, or not any more.' };

export function canaryPaths(): ZodOpenApiPathsObject {
  return {
    '/costsim/canary/runs': {
      post: {
        operationId: 'runCanary',
        summary: 'Ask the leader for a run of the canary; one that is under way serves as well',
        requestBody: json(canarySchemas.ask),
        responses: { 202: answer('The run.', canarySchemas.run), ...adminErrors({}) },
      },
    },
    '/costsim/canary/runs/{id}': {
      get: {
        operationId: 'showCanaryRun',
        summary: 'Whether a run has ended',
        requestParams: { path: canarySchemas.path },
        responses: { 200: answer('The run.', canarySchemas.run), ...adminErrors(GONE) },
      },
    },
    '/costsim/canary/reports': {
      get: {
        operationId: 'listCanaryReports',
        summary: 'How far the estimators were off, run by run, the latest first',
        requestParams: { query: canarySchemas.query },
        responses: { 200: answer('The reports.', canarySchemas.reports), ...adminErrors({}) },
      },
    },
    '/costsim/canary/reports/{id}': {
      get: {
        operationId: 'showCanaryReport',
        summary: 'One report',
        requestParams: { path: canarySchemas.path },
        responses: { 200: answer('The report.', canaryReportSchema), ...adminErrors(GONE) },
      },
    },
  };
}
