// `slotkeeper deferred` and `slotkeeper drain`: work that waits for its upstream, by a daemon's admin
// API. Whether a stage may be drained the daemon decides, by the configuration that is in force.
import { setTimeout as delay } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { AppError } from '../../core/errors.ts';
import type {
  DeferredJobRow,
  DeferredList,
  DrainedAnswer,
  ProgressAnswer,
} from '../../http/routes/admin-deferred.ts';
import { STATUSES } from '../../http/routes/deferred.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { integerFrom } from '../arguments.ts';
import { liveLine } from '../live-line.ts';
import { formatTable } from '../table.ts';

interface ListOptions extends AdminOptions {
  readonly stage?: string;
  readonly tenant?: string;
  readonly status?: string;
  readonly limit: number;
  readonly json?: boolean;
}

interface DrainOptions extends AdminOptions {
  readonly wait: boolean;
}

const LOOK_MS = 250;
const PAGE = 200;

export function register(program: Command): void {
  const deferred = program.command('deferred').description('look after requests that wait');
  addAdminOptions(deferred.command('list').exitOverride())
    .description('list deferred requests, and how many stand where')
    .option('--stage <stage>', 'only those of this stage')
    .option('--tenant <name>', 'only those of this tenant')
    .addOption(new Option('--status <status>', 'only those that stand so').choices(STATUSES))
    .option('--limit <n>', 'at most so many', integerFrom(1, 100_000), 50)
    .option('--json', 'print JSON')
    .action(list);
  addAdminOptions(deferred.command('show').exitOverride())
    .description('show one deferred request, without its content')
    .argument('<id>')
    .action(async (id: string, admin: AdminOptions) => {
      console.log(
        JSON.stringify(await callAdmin({ ...admin, method: 'GET', path: of(id) }), null, 2),
      );
    });
  addVerb(deferred, 'retry', 'make a job due now, also one that is dead');
  addVerb(deferred, 'cancel', 'end a job without an answer; one that runs is cut');
  addVerb(deferred, 'drop', 'delete a job and what is kept of it');
  addAdminOptions(program.command('drain'))
    .description('make deferred requests of a stage due now, and tell how they end')
    .argument('<stage>', 'one of deferral.drainStages')
    .argument('[n]', 'at most so many, those first that are due first', integerFrom(1, 10_000))
    .option('--no-wait', 'do not wait for their ends')
    .action(drain);
}

const of = (id: string): string => `/deferred/${encodeURIComponent(id)}`;

function addVerb(deferred: Command, verb: 'retry' | 'cancel' | 'drop', description: string): void {
  addAdminOptions(deferred.command(verb).exitOverride())
    .description(description)
    .argument('<id>')
    .action(async (id: string, admin: AdminOptions) => {
      const call =
        verb === 'drop'
          ? ({ method: 'DELETE', path: of(id) } as const)
          : ({ method: 'POST', path: `${of(id)}/${verb}` } as const);
      const { result } = await callAdmin<{ readonly result: string }>({ ...admin, ...call });
      console.log(`${id} ${result}`);
    });
}

async function list({ stage, tenant, status, limit, json, ...admin }: ListOptions): Promise<void> {
  const jobs: DeferredJobRow[] = [];
  let page: DeferredList | undefined;
  while (page === undefined || (page.next !== undefined && jobs.length < limit)) {
    const wanted = { stage, tenant, status, after: page?.next };
    const given = Object.entries(wanted).filter((one): one is [string, string] => {
      return one[1] !== undefined;
    });
    const query = new URLSearchParams([
      ...given,
      ['limit', String(Math.min(PAGE, limit - jobs.length))],
    ]);
    page = await callAdmin<DeferredList>({
      ...admin,
      method: 'GET',
      path: `/deferred?${query.toString()}`,
    });
    jobs.push(...page.jobs);
  }
  console.log(json === true ? JSON.stringify({ ...page, jobs }, null, 2) : describe(page, jobs));
}

function describe(page: DeferredList, jobs: readonly DeferredJobRow[]): string {
  const { stages, running, dead, ended } = page;
  const time = (ms: number | undefined): string =>
    ms === undefined ? '' : new Date(ms).toISOString();
  const depths = stages.map(({ stage, waiting, ready, firstDueAtMs }) => {
    return [stage, waiting, ready, time(firstDueAtMs)];
  });
  const rows = jobs.map((one) => [
    ...[one.id, one.status, one.stage, one.tenant, one.slot],
    ...[time(one.status === 'deferred' ? one.dueAtMs : one.endedAtMs), one.deferrals],
    one.reason ?? '',
  ]);
  const heads = ['id', 'status', 'stage', 'tenant', 'slot', 'due or ended', 'deferrals', 'reason'];
  return [
    formatTable(['stage', 'waiting', 'due', 'first due'], depths),
    `${running} running, ${dead} dead, ${ended} ended and kept`,
    ...(rows.length === 0 ? [] : [formatTable(heads, rows)]),
  ].join('\n\n');
}

async function drain(
  stage: string,
  count: number | undefined,
  { wait, ...admin }: DrainOptions,
): Promise<void> {
  const { drain: number, total } = await callAdmin<DrainedAnswer>({
    ...admin,
    method: 'POST',
    path: '/deferred/drains',
    body: { stage, ...(count !== undefined && { count }) },
  }).catch(asUsage);
  if (!wait || total === 0) {
    console.log(`${total} of the stage ${stage} are due now`);
    return;
  }
  const line = liveLine(process.stderr);
  for (;;) {
    const path = `/deferred/drains/${number}`;
    const progress = await callAdmin<ProgressAnswer>({ ...admin, method: 'GET', path });
    if (overOf(progress) >= total) {
      line.clear();
      console.log(words(progress));
      return;
    }
    line.show(() => words(progress));
    await delay(LOOK_MS);
  }
}

function overOf({ total, ...ends }: ProgressAnswer): number {
  const over = Object.values(ends).reduce((sum, count) => sum + count, 0);
  // One that was drained and retried by hand as well may count twice.
  return Math.min(total, over);
}

function words(progress: ProgressAnswer): string {
  const { total, ...ends } = progress;
  const kinds = Object.entries(ends).filter(([, count]) => count > 0);
  const told = kinds.map(
    ([kind, count]) => `${count} ${kind === 'deferred' ? 'deferred again' : kind}`,
  );
  return `${overOf(progress)} of ${total} drained: ${told.join(', ') || 'none has ended yet'}`;
}

/** What the daemon refuses here is how it was asked, or how it is configured. */
function asUsage(error: unknown): never {
  if (error instanceof AppError && error.message.includes(' answers 400:')) {
    throw new AppError('config_invalid', error.message, { cause: error });
  }
  throw error;
}
