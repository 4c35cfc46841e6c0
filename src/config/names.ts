// How names and addresses are written in a configuration. What they name is the business of the
// other schemas.
import { z } from 'zod';
import { MODEL_PATTERN, NAME_PATTERN } from '../core/domain.ts';

/** Of a pool, an account, a tenant, a cell. */
export const name = z
  .string()
  .regex(
    NAME_PATTERN,
    'use 1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit',
  );

/** Of a model at an upstream, and of an alias that callers use. */
export const model = z
  .string()
  .regex(MODEL_PATTERN, 'use 1 to 200 printable ASCII characters, no spaces');

export const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
    message: 'must be an absolute http:// or https:// URL',
  })
  .refine((text) => !URL.canParse(text) || new URL(text).username === '', {
    message: 'must not contain credentials; use `credential`',
  });
