// One entry of the directory as the store keeps it: JSON of a tenant's terms, as they were written,
// and of its keys. One entry holds both, so a tenant and its keys come and go in one step.
import { z } from 'zod';
import { EXACT, tenantTerms } from '../config/tenants-schema.ts';

const keySchema = z.object({
  id: z.string(),
  digest: z.string(),
  name: z.string().optional(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
  revokedAt: z.iso.datetime().optional(),
});

const entrySchema = z.object({
  /** Absent where the tenant is the configuration's and only has keys here. */
  terms: z.object(tenantTerms(EXACT)).optional(),
  keys: z.array(keySchema),
});

/** A created key: everything about it but the secret. Times are ISO 8601 in UTC. */
export type StoredKey = Readonly<z.output<typeof keySchema>>;

export interface Entry {
  readonly terms?: z.output<typeof entrySchema>['terms'];
  readonly keys: readonly StoredKey[];
}

/** Undefined for what cannot be read: such an entry opens nothing. */
export function readEntry(text: string): Entry | undefined {
  try {
    return entrySchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function writeEntry(entry: Entry): string {
  return JSON.stringify(entry);
}
