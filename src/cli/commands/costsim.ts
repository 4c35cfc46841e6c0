// `slotkeeper costsim`: the breaker of the estimator v2, by a daemon's HTTP API.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { CostsimBody } from '../../http/routes/costsim.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { formatTable } from '../table.ts';

interface StatusOptions extends AdminOptions {
  readonly json?: boolean;
}

interface ChangeOptions extends StatusOptions {
  readonly reason: string;
  readonly by: string;
}

export function register(program: Command): void {
  const costsim = program
    .command('costsim')
    .description('show the breaker of the estimator v2, and take v2 out of service or put it back');
  addAdminOptions(costsim.command('status').exitOverride())
    .description('print whether v2 is in service, how far estimates are off, the last incidents')
    .option('--json', 'print JSON')
    .action(status);
  const changes = [
    ['enable', 'put v2 back into service; drift is measured anew'],
    ['disable', 'take v2 out of service on every daemon, until it is enabled'],
  ] as const;
  for (const [action, what] of changes) {
    addAdminOptions(costsim.command(action).exitOverride())
      .description(what)
      .requiredOption('--reason <text>', 'why, for the log of incidents')
      .option('--by <name>', 'who; by default the user of this shell', userName())
      .option('--json', 'print JSON')
      .action((options: ChangeOptions) => change(action, options));
  }
}

/** A container's user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

const CALL = { root: '/costsim', path: '/breaker' } as const;

async function status({ json, ...admin }: StatusOptions): Promise<void> {
  print(await callAdmin<CostsimBody>({ ...admin, ...CALL, method: 'GET' }), json);
}

async function change(
  action: 'enable' | 'disable',
  { json, reason, by, ...admin }: ChangeOptions,
): Promise<void> {
  const body = { action, reason, by };
  print(await callAdmin<CostsimBody>({ ...admin, ...CALL, method: 'POST', body }), json);
}

function print(body: CostsimBody, json = false): void {
  console.log(json ? JSON.stringify(body, null, 2) : describe(body));
}

function describe({ breaker, drift, records, history }: CostsimBody): string {
  const parts = [describeBreaker(breaker), `provenance: ${records} records`];
  if (drift.length > 0) {
    const rows = drift.map(({ estimator, against, model = '*', samples, p50, p95 }) => {
      return [estimator, against, model, samples, percent(p50), percent(p95)];
    });
    parts.push(formatTable(['estimator', 'against', 'model', 'samples', 'p50', 'p95'], rows));
  }
  if (history.length > 0) {
    const rows = history.map(({ atMs, kind, cause = '', by = '', why = '', p95 }) => {
      return [timeOf(atMs), kind, cause, by, p95 === undefined ? '' : percent(p95), why];
    });
    parts.push(formatTable(['time', 'what', 'cause', 'by', 'p95', 'why'], rows));
  }
  return parts.join('\n\n');
}

function describeBreaker(breaker: CostsimBody['breaker']): string {
  const { state, cause, by, why, sinceMs, recoverAtMs, consecutiveFailures, nowMs } = breaker;
  const of = [cause, by, why].filter((text) => text !== undefined && text !== '').join(', ');
  const since = sinceMs > 0 ? ` since ${timeOf(sinceMs)} (${of})` : '';
  const open =
    recoverAtMs === undefined
      ? 'It stays so until somebody enables v2.'
      : `It recovers by itself in ${Math.max(0, Math.ceil((recoverAtMs - nowMs) / 1000))} s.`;
  return state === 'open'
    ? `v2 is out of service: the breaker is open${since}. ${open}`
    : `v2 is in service: the breaker is closed${since}. Incidents in a row: ${consecutiveFailures}.`;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
