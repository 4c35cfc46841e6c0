// `slotkeeper switch`: how pools are scheduled, by a daemon's admin API.
import { InvalidArgumentError, type Command } from 'commander';
import type { SwitchBody } from '../../http/routes/admin-switches.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { formatTable } from '../table.ts';

interface SwitchOptions extends AdminOptions {
  readonly percent: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  addAdminOptions(program.command('switch'))
    .description('show or change how pools are scheduled: enforce, observe or off')
    .argument('[pool]', 'without one all are shown')
    .argument('[scheduling]', 'enforce, observe (nobody is refused) or off (nobody is asked)')
    .option('--percent <n>', 'of the requests; the others are enforced', percent, 100)
    .option('--json', 'print JSON')
    .action(run);
}

async function run(
  pool: string | undefined,
  scheduling: string | undefined,
  { percent: part, json, ...admin }: SwitchOptions,
): Promise<void> {
  if (pool !== undefined && scheduling !== undefined) {
    const path = `/switches/${encodeURIComponent(pool)}`;
    const body = { scheduling, percent: part };
    const changed = await callAdmin<SwitchBody>({ ...admin, method: 'PUT', path, body });
    console.log(json === true ? JSON.stringify(changed, null, 2) : describe([changed]));
    return;
  }
  const { switches } = await callAdmin<{ switches: SwitchBody[] }>({
    ...admin,
    method: 'GET',
    path: '/switches',
  });
  const wanted = switches.filter((one) => pool === undefined || one.pool === pool);
  if (wanted.length === 0) throw new InvalidArgumentError('No such pool is configured.');
  console.log(json === true ? JSON.stringify(wanted, null, 2) : describe(wanted));
}

function describe(switches: readonly SwitchBody[]): string {
  return formatTable(
    ['pool', 'scheduling', 'percent', 'since'],
    switches.map(({ pool, scheduling, percent: part, changedAt = '' }) => {
      return [pool, scheduling, part, changedAt];
    }),
  );
}

function percent(text: string): number {
  const number = /^\d{1,3}(\.\d{1,2})?$/.test(text) ? Number(text) : NaN;
  if (number <= 100) return number;
  throw new InvalidArgumentError('Give a number from 0 to 100.');
}
