// `slotkeeper tenants`: who may call, by a daemon's admin API.
import type { Command } from 'commander';
import type { TenantBody } from '../../http/routes/admin-schemas.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { formatTable } from '../table.ts';

interface ListOptions extends AdminOptions {
  readonly json?: boolean;
}

export function register(program: Command): void {
  const tenants = program
    .command('tenants')
    .description('show who may call, and within which limits');
  addAdminOptions(tenants.command('list').exitOverride())
    .description('list all tenants, configured and created')
    .option('--json', 'print JSON')
    .action(async (options: ListOptions) => {
      const { tenants: all } = await callAdmin<{ tenants: TenantBody[] }>({
        ...options,
        method: 'GET',
        path: '/tenants',
      });
      console.log(options.json === true ? JSON.stringify(all, null, 2) : describe(all));
    });
}

function describe(tenants: readonly TenantBody[]): string {
  const none = '–';
  return formatTable(
    ['tenant', 'source', 'weight', 'slots', 'requests/min', 'tokens/min', 'budget', 'keys', ''],
    tenants.map((tenant) => [
      tenant.name,
      tenant.source,
      tenant.weight,
      String(tenant.maxConcurrency ?? none),
      String(tenant.requestsPerMinute ?? none),
      String(tenant.tokensPerMinute ?? none),
      String(tenant.budget?.stop ?? none),
      tenant.keys,
      tenant.enabled ? '' : 'disabled',
    ]),
  );
}
