// The admin API's wire forms. The routers validate with these schemas and the OpenAPI document is
// generated from them; the bounds of terms are the configuration's own. Nothing here touches the
// directory.
import { z } from 'zod';
import { EXACT, tenantTerms } from '../../config/tenants-schema.ts';
import { NAME_PATTERN } from '../../core/domain.ts';
import { KEY_ID_PATTERN } from '../../tenants/api-key.ts';

const tenantName = z
  .string()
  .regex(NAME_PATTERN, 'use 1 to 64 letters, digits, ".", "_" or "-"')
  .meta({ description: 'The tenant’s name.', examples: ['team-a'] });

const keyId = z
  .string()
  .regex(KEY_ID_PATTERN, 'is not a key’s id')
  .meta({ description: 'Names the key; opens nothing.' });

const terms = tenantTerms(EXACT);

/** Every term may be left out, which keeps it, or be null, which takes it back to its default. */
const changedTerms = Object.fromEntries(
  Object.entries(terms).map(([name, schema]: [string, z.ZodType]) => {
    const bare = schema instanceof z.ZodDefault ? (schema.unwrap() as z.ZodType) : schema;
    return [name, bare.nullable().optional()];
  }),
);

const time = z.iso.datetime({ offset: true });

export const adminSchemas = {
  createTenant: z.strictObject({ name: tenantName, ...terms }).meta({ id: 'NewTenant' }),
  changeTenant: z.strictObject(changedTerms).meta({ id: 'TenantChange' }),
  /** What a change has made of the terms. */
  terms: z.strictObject(terms),
  tenantPath: z.strictObject({ name: tenantName }),
  createKey: z
    .strictObject({
      tenant: tenantName,
      name: z
        .string()
        .regex(/^[\x20-\x7e]{1,64}$/, 'use 1 to 64 printable ASCII characters')
        .optional()
        .meta({ description: 'What people call the key.' }),
      expiresAt: time
        .refine((text) => !(Date.parse(text) <= Date.now()), 'must be in the future')
        .optional()
        .meta({ description: 'From then on the key opens nothing.' }),
    })
    .meta({ id: 'NewKey' }),
  keyPath: z.strictObject({ id: keyId }),
  keyQuery: z.strictObject({ tenant: tenantName.optional() }),
} as const;

export const tenantSchema = z
  .strictObject({
    name: tenantName,
    source: z.enum(['configuration', 'admin']).meta({
      description: 'Configured tenants can only be changed in the configuration.',
    }),
    keys: z.int().meta({ description: 'Keys that work now, configured ones included.' }),
    ...terms,
  })
  .meta({ id: 'Tenant' });

export const keySchema = z
  .strictObject({
    id: keyId,
    tenant: tenantName,
    name: z.string().optional(),
    createdAt: time,
    expiresAt: time.optional(),
    revokedAt: time.optional(),
    state: z.enum(['active', 'expired', 'revoked']),
  })
  .meta({ id: 'Key' });

export const createdKeySchema = keySchema
  .extend({ key: z.string().meta({ description: 'The secret. It is told this once.' }) })
  .meta({ id: 'CreatedKey' });

export const tenantListSchema = z.strictObject({ tenants: z.array(tenantSchema) });
export const keyListSchema = z.strictObject({ keys: z.array(keySchema) });

export type TenantBody = z.output<typeof tenantSchema>;
export type KeyBody = z.infer<typeof keySchema>;
