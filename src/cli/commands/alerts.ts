// `slotkeeper alerts`: what fires, and what is on its way to whom, by a daemon's admin API.
import { Option, type Command } from 'commander';
import type { AlertsAnswer } from '../../http/routes/admin-alerts.ts';
import { AppError } from '../../core/errors.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { formatTable } from '../table.ts';

const STATES = ['firing', 'resolved', 'sending', 'waiting', 'held', 'retrying', 'given_up'];

interface ListOptions extends AdminOptions {
  readonly state?: string;
  readonly json?: boolean;
}

interface PickOptions extends AdminOptions {
  readonly all?: boolean;
}

export function register(program: Command): void {
  const alerts = program.command('alerts').description('show alerts, and what is on its way');
  addAdminOptions(alerts.command('list').exitOverride())
    .description('list alerts, and deliveries that are not done')
    .addOption(
      new Option('--state <state>', 'only alerts or deliveries of this state').choices(STATES),
    )
    .option('--json', 'print JSON')
    .action(async ({ state, json, ...admin }: ListOptions) => {
      const all = filtered(await readAlerts(admin), state);
      console.log(json === true ? JSON.stringify(all, null, 2) : describe(all));
    });
  addPick(alerts, 'retry', 'try deliveries at once, also those that were given up');
  addPick(alerts, 'drop', 'give deliveries up for good');
}

function addPick(alerts: Command, verb: 'retry' | 'drop', description: string): void {
  addAdminOptions(alerts.command(verb).exitOverride())
    .description(description)
    .argument('[id]', 'of a delivery, as `alerts list` shows it')
    .option('--all', 'all deliveries that are not being sent just now')
    .action(async (id: string | undefined, options: PickOptions) => {
      if ((id === undefined) === (options.all !== true)) {
        throw new AppError('config_invalid', 'Give the id of one delivery, or --all.');
      }
      const ids = id === undefined ? await pendingIds(options) : [id];
      const method = verb === 'retry' ? 'POST' : 'DELETE';
      let done = 0;
      for (const one of ids) {
        const path = `/alerts/deliveries/${encodeURIComponent(one)}`;
        const call = callAdmin({ ...options, method, path }).then(() => true);
        // Of all, some may be sent between the look and the call.
        if (await (options.all === true ? call.catch(isNotThere) : call)) done += 1;
      }
      const what = verb === 'retry' ? 'tried again' : 'dropped';
      console.log(`${done} of ${ids.length} deliveries ${what}`);
    });
}

function isNotThere(error: unknown): false {
  if (error instanceof AppError && error.message.includes(' answers 404:')) return false;
  throw error;
}

function readAlerts(admin: AdminOptions): Promise<AlertsAnswer> {
  return callAdmin<AlertsAnswer>({ ...admin, method: 'GET', path: '/alerts' });
}

async function pendingIds(admin: AdminOptions): Promise<readonly string[]> {
  const { deliveries } = await readAlerts(admin);
  return deliveries.filter(({ state }) => state !== 'sending').map(({ id }) => id);
}

function filtered({ alerts, deliveries }: AlertsAnswer, state: string | undefined): AlertsAnswer {
  if (state === undefined) return { alerts, deliveries };
  return {
    alerts: alerts.filter((one) => one.state === state),
    deliveries: deliveries.filter((one) => one.state === state),
  };
}

function describe({ alerts, deliveries }: AlertsAnswer): string {
  if (alerts.length + deliveries.length === 0) return 'Nothing fires, and nothing is on its way.';
  const known = alerts.map(({ severity, state, name, labels, sinceMs, told }) => [
    severity,
    state,
    name,
    Object.entries(labels)
      .map(([label, value]) => `${label}=${value}`)
      .join(' '),
    new Date(sinceMs).toISOString(),
    Object.entries(told)
      .map(([place, what]) => `${place}: ${what}`)
      .join(', '),
  ]);
  const ways = deliveries.map((one) => [
    one.id,
    one.severity,
    one.name,
    one.alertState,
    one.state.replace('_', ' '),
    one.attempts,
    one.waitsMs > 0 ? `${(one.waitsMs / 1000).toFixed(1)} s` : '',
    one.lastFailure ?? '',
  ]);
  return [
    formatTable(['severity', 'state', 'alert', 'of', 'since', 'told'], known),
    formatTable(
      ['delivery', 'severity', 'alert', 'tells', 'state', 'tries', 'next', 'last failure'],
      ways,
    ),
  ].join('\n\n');
}
