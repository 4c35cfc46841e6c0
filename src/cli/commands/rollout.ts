// `slotkeeper rollout`: arms of rollouts side by side, and their percentages, by a daemon's admin API.
import { InvalidArgumentError, type Command } from 'commander';
import type { RolloutBody, RolloutListBody } from '../../http/routes/admin-rollouts.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { formatTable } from '../table.ts';

interface RolloutOptions extends AdminOptions {
  readonly json?: boolean;
}

export function register(program: Command): void {
  const rollout = program.command('rollout').description('show or change gray releases');
  addAdminOptions(rollout.command('show').exitOverride())
    .description('print the arms of a rollout side by side; without a name all rollouts')
    .argument('[name]')
    .option('--json', 'print JSON')
    .action(show);
  addAdminOptions(rollout.command('set').exitOverride())
    .description('change percentages; the first arm gets what the others leave')
    .argument('<name>')
    .argument('<arms...>', 'such as canary=10; canary=0 takes it back at once')
    .option('--json', 'print JSON')
    .action(set);
}

async function show(name: string | undefined, { json, ...admin }: RolloutOptions): Promise<void> {
  if (name === undefined) {
    const list = await callAdmin<RolloutListBody>({ ...admin, method: 'GET', path: '/rollouts' });
    console.log(json === true ? JSON.stringify(list, null, 2) : describeAll(list));
    return;
  }
  const body = await callAdmin<RolloutBody>({ ...admin, method: 'GET', path: pathOf(name) });
  console.log(json === true ? JSON.stringify(body, null, 2) : describe(body));
}

async function set(
  name: string,
  arms: readonly string[],
  { json, ...admin }: RolloutOptions,
): Promise<void> {
  const body = { arms: Object.fromEntries(arms.map(percentIn)) };
  const changed = await callAdmin<RolloutBody>({
    ...admin,
    method: 'PUT',
    path: pathOf(name),
    body,
  });
  console.log(json === true ? JSON.stringify(changed, null, 2) : describe(changed));
}

function pathOf(name: string): string {
  return `/rollouts/${encodeURIComponent(name)}`;
}

function percentIn(text: string): readonly [string, number] {
  const [, arm, percent] = /^([\w.-]+)=(\d{1,3}(?:\.\d{1,2})?)$/.exec(text) ?? [];
  if (arm !== undefined && Number(percent) <= 100) return [arm, Number(percent)];
  throw new InvalidArgumentError('Give an arm and its percentage, such as canary=10.');
}

function describe({ name, what, route, pool, arms }: RolloutBody): string {
  const of = route === undefined ? '' : ` of route ${route}`;
  const at = pool === undefined ? '' : ` of pool ${pool}`;
  const ofAccounts = what === 'breaker' ? ['accounts', 'trips', 'left'] : [];
  const table = formatTable(
    ['arm', 'percent', ...ofAccounts, 'requests', 'errors', 'first byte p50', 'p95', 'cost'],
    arms.map(({ arm, percent, breakers, requests, errors, firstByteMs, costMicro }) => {
      const { p50, p95 } = firstByteMs;
      const own = breakers ? [breakers.accounts, breakers.trips, breakers.left] : [];
      const cost = (costMicro / 1e6).toFixed(6);
      return [arm, percent, ...own, requests, errors, msOf(p50), msOf(p95), cost];
    }),
  );
  return `${name}: ${what}${of}${at}\n\n${table}`;
}

function describeAll({ rollouts }: RolloutListBody): string {
  return formatTable(
    ['rollout', 'what', 'of', 'arms'],
    rollouts.map(({ name, what, route, pool = 'all', arms }) => {
      return [
        name,
        what,
        route ?? pool,
        arms.map(({ arm, percent }) => `${arm}=${percent}`).join(' '),
      ];
    }),
  );
}

function msOf(ms: number | null): string {
  return ms === null ? '–' : `${ms} ms`;
}
