// `slotkeeper keys`: API keys of tenants, by a daemon's admin API. A new secret goes to stdout alone,
// once, so that it can be piped to where it is kept.
import { InvalidArgumentError, type Command } from 'commander';
import type { KeyBody } from '../../http/routes/admin-schemas.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { formatTable } from '../table.ts';

interface ListOptions extends AdminOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

interface CreateOptions extends AdminOptions {
  readonly tenant: string;
  readonly name?: string;
  readonly expiresIn?: number;
  readonly json?: boolean;
}

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export function register(program: Command): void {
  const keys = program.command('keys').description('create, list and revoke API keys of tenants');
  addAdminOptions(keys.command('create').exitOverride())
    .description('create a key and print it; it is shown this once')
    .requiredOption('--tenant <name>', 'whose key it is')
    .option('--name <text>', 'what people call it')
    .option('--expires-in <time>', 'when it ends, such as 90d, 12h or 30m', duration)
    .option('--json', 'print JSON')
    .action(create);
  addAdminOptions(keys.command('list').exitOverride())
    .description('list created keys; never their secrets')
    .option('--tenant <name>', 'of this tenant alone')
    .option('--json', 'print JSON')
    .action(list);
  addAdminOptions(keys.command('revoke').exitOverride())
    .description('revoke a key; it stops working on every daemon within a second')
    .argument('<id>', 'as `keys list` shows it')
    .action(revoke);
}

async function create({ tenant, name, expiresIn, json, ...admin }: CreateOptions): Promise<void> {
  const expiresAt =
    expiresIn === undefined ? undefined : new Date(Date.now() + expiresIn).toISOString();
  const body = { tenant, name, expiresAt };
  const created = await callAdmin<KeyBody & { readonly key: string }>({
    ...admin,
    method: 'POST',
    path: '/keys',
    body,
  });
  if (json === true) console.log(JSON.stringify(created, null, 2));
  else {
    console.error(`key ${created.id} of tenant ${tenant}; keep it now, it is not shown again:`);
    console.log(created.key);
  }
}

async function list({ tenant, json, ...admin }: ListOptions): Promise<void> {
  const query = tenant === undefined ? '' : `?tenant=${encodeURIComponent(tenant)}`;
  const { keys } = await callAdmin<{ keys: KeyBody[] }>({
    ...admin,
    method: 'GET',
    path: `/keys${query}`,
  });
  console.log(json === true ? JSON.stringify(keys, null, 2) : describe(keys));
}

async function revoke(id: string, admin: AdminOptions): Promise<void> {
  const path = `/keys/${encodeURIComponent(id)}`;
  const { tenant } = await callAdmin<KeyBody>({ ...admin, method: 'DELETE', path });
  console.log(`key ${id} of tenant ${tenant} is revoked.`);
}

function describe(keys: readonly KeyBody[]): string {
  return formatTable(
    ['key', 'tenant', 'name', 'created', 'ends', 'state'],
    keys.map(({ id, tenant, name = '', createdAt, expiresAt = '', state }) => {
      return [id, tenant, name, createdAt, expiresAt, state];
    }),
  );
}

function duration(text: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  if (count !== undefined && unitMs !== undefined) return Number(count) * unitMs;
  throw new InvalidArgumentError('Give a number with m, h or d behind it, such as 90d.');
}
