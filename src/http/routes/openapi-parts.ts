// Pieces that the OpenAPI documents share: bodies, answers and errors in JSON.
import type { ZodOpenApiResponsesObject } from 'zod-openapi';
import type { z } from 'zod';
import { errorSchema } from './scheduler-schemas.ts';

export function json(schema: z.ZodType) {
  return { required: true, content: { 'application/json': { schema } } };
}

export function answer(description: string, schema: z.ZodType) {
  return { description, content: { 'application/json': { schema } } };
}

/** One answer in the common error form for each status. */
export function errorAnswers(
  descriptions: Readonly<Record<number, string>>,
): ZodOpenApiResponsesObject {
  return Object.fromEntries(
    Object.entries(descriptions).map(([status, description]) => {
      return [status, answer(description, errorSchema)];
    }),
  );
}
