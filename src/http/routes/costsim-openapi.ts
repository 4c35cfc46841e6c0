// The description of /costsim, a part of the admin API's document. See admin-openapi.ts.
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { adminErrors } from './admin-openapi-live.ts';
import { costsimSchema, costsimSchemas } from './costsim.ts';
import { answer, json } from './openapi-parts.ts';

export function costsimPaths(): ZodOpenApiPathsObject {
  return {
    '/costsim/breaker': {
      get: {
        operationId: 'showCostsimBreaker',
        summary: 'Whether the estimator v2 is in service, why, and how far estimates are off',
        requestParams: { query: costsimSchemas.query },
        responses: { 200: answer('The breaker.', costsimSchema), ...adminErrors({}) },
      },
      post: {
        operationId: 'changeCostsimBreaker',
        summary: 'Take v2 out of service until it is enabled, or put it back',
        requestBody: json(costsimSchemas.change),
        responses: { 200: answer('The breaker as it is now.', costsimSchema), ...adminErrors({}) },
      },
    },
  };
}
