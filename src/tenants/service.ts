// Tenants and keys as one part of a daemon: the directory that requests are looked up in, and the
// verbs of the admin API on the same store.
import type { Config } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import { TenantAdmin } from './admin.ts';
import { Directory } from './directory.ts';
import { DirectoryStore, type DirectorySource } from './directory-store.ts';
import type { LimitKeeper } from './limits.ts';

export interface TenantsOptions extends Omit<DirectorySource, 'cell'> {
  readonly config: Config;
  /** The heart, which has the configuration already. */
  readonly limits: LimitKeeper;
  readonly logger: Pick<Logger, 'warn'>;
}

export interface Tenants {
  readonly directory: Directory;
  readonly admin: TenantAdmin;
}

/** Has read the store once when it resolves; rejects with `store_unavailable`. */
export async function startTenants(options: TenantsOptions): Promise<Tenants> {
  const { config, redis, keyStyle, limits, logger } = options;
  const store = new DirectoryStore({ redis, keyStyle, cell: config.scheduler.cell });
  const directory = new Directory({ config, store, limits, logger });
  await directory.renew();
  return { directory, admin: new TenantAdmin({ config, directory, store }) };
}
