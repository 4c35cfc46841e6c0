// `slotkeeper breaker`: accounts that fail, by a daemon's admin API.
import type { Command } from 'commander';
import type { HealthReport } from '../../scheduler/health.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { formatTable } from '../table.ts';

interface ListOptions extends AdminOptions {
  readonly json?: boolean;
}

export function register(program: Command): void {
  const breaker = program
    .command('breaker')
    .description('show accounts that fail, and bring them back');
  addAdminOptions(breaker.command('list').exitOverride())
    .description('list accounts with which something is wrong')
    .option('--json', 'print JSON, with the last changes')
    .action(async (options: ListOptions) => {
      const report = await callAdmin<HealthReport>({
        ...options,
        method: 'GET',
        path: '/breakers',
      });
      console.log(options.json === true ? JSON.stringify(report, null, 2) : describe(report));
    });
  addAdminOptions(breaker.command('reset').exitOverride())
    .description('say that an account, or one model of it, is well again')
    .argument('<account>')
    .argument('[model]')
    .action(async (account: string, model: string | undefined, options: AdminOptions) => {
      const body = { account, ...(model !== undefined && { model }) };
      await callAdmin({ ...options, method: 'POST', path: '/breakers/reset', body });
      console.log(`reset ${account}${model === undefined ? '' : ` for ${model}`}`);
    });
}

function describe({ accounts }: HealthReport): string {
  if (accounts.length === 0) return 'Nothing is wrong with any account.';
  const rows = accounts.flatMap(({ account, pool, disabled, coolsMs, reason, breakers }) => {
    const state = disabled ? 'unusable' : coolsMs > 0 ? 'cooling' : '';
    const whole =
      state === '' ? [] : [[account, pool, '*', state, reason ?? '', seconds(coolsMs), '']];
    const models = breakers.map((entry) => [
      account,
      pool,
      entry.model,
      entry.state.replace('_', '-') + (entry.probing ? ' (probing)' : ''),
      entry.reason ?? '',
      seconds(entry.restsMs),
      String(entry.trips),
    ]);
    return [...whole, ...models];
  });
  return formatTable(['account', 'pool', 'model', 'state', 'reason', 'rests', 'trips'], rows);
}

function seconds(ms: number): string {
  return ms > 0 ? `${(ms / 1000).toFixed(1)} s` : '';
}
