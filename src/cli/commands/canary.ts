// `slotkeeper costsim canary`: run the canary and read its reports, by a daemon's HTTP API. Exit codes
// of a run: 0 passed, 1 failed (or no answer), 3 too little to judge by.
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { AppError } from '../../core/errors.ts';
import { percent, type CanaryReport } from '../../costsim/canary-report.ts';
import type { CanaryReportsBody, CanaryRunBody } from '../../http/routes/canary.ts';
import { addAdminOptions, callAdmin, type AdminOptions } from '../admin-api.ts';
import { formatTable } from '../table.ts';

interface JsonOptions extends AdminOptions {
  readonly json?: boolean;
}

interface RunOptions extends JsonOptions {
  readonly by: string;
  readonly waitSeconds: number;
}

interface ReportsOptions extends JsonOptions {
  readonly most: number;
}

const EXIT_CODES = { passed: 0, failed: 1, inconclusive: 3 } as const;
const POLL_MS = 500;

export function register(program: Command): void {
  const costsim =
    program.commands.find((one) => one.name() === 'costsim') ?? program.command('costsim');
  const canary = costsim
    .command('canary')
    .exitOverride()
    .description('replay recent requests through both estimators, and judge v2 by what they cost');
  addAdminOptions(canary.command('run').exitOverride())
    .description('run it now and print its report; exits with 0 passed, 1 failed, 3 inconclusive')
    .option('--by <name>', 'who asks for it', 'admin')
    .option('--wait-seconds <n>', 'how long to wait for the report', toCount, 120)
    .option('--json', 'print JSON')
    .action(run);
  addAdminOptions(canary.command('reports').exitOverride())
    .description('print the last reports, the latest first')
    .option('--most <n>', 'reports at most', toCount, 20)
    .option('--json', 'print JSON')
    .action(reports);
  addAdminOptions(canary.command('show').exitOverride())
    .description('print one report')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(show);
}

function toCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number from 1 on.');
}

async function run({ by, waitSeconds, json, ...admin }: RunOptions): Promise<void> {
  const call = { ...admin, root: '/costsim' as const };
  const asked = await callAdmin<CanaryRunBody>({
    ...call,
    method: 'POST',
    path: '/canary/runs',
    body: { by },
  });
  const path = `/canary/runs/${asked.run}`;
  const deadline = performance.now() + waitSeconds * 1000;
  let { state } = asked;
  while (state !== 'reported') {
    if (performance.now() > deadline) throw late(asked.run, state);
    await sleep(POLL_MS);
    ({ state } = await callAdmin<CanaryRunBody>({ ...call, method: 'GET', path }));
  }
  const report = await read(admin, asked.run);
  print(report, json);
  process.exitCode = EXIT_CODES[report.verdict];
}

function late(run: string, state: string): AppError {
  const why = state === 'asked' ? 'no leader has begun it yet' : 'it is still running';
  return new AppError(
    'queue_timeout',
    `Run ${run} has no report yet: ${why}. See later: slotkeeper costsim canary show ${run}`,
  );
}

async function read(admin: AdminOptions, id: string): Promise<CanaryReport> {
  const path = `/canary/reports/${encodeURIComponent(id)}`;
  return await callAdmin<CanaryReport>({ ...admin, root: '/costsim', method: 'GET', path });
}

async function show(id: string, { json, ...admin }: JsonOptions): Promise<void> {
  print(await read(admin, id), json);
}

async function reports({ most, json, ...admin }: ReportsOptions): Promise<void> {
  const path = `/canary/reports?most=${most}`;
  const call = { ...admin, root: '/costsim', method: 'GET', path } as const;
  const body = await callAdmin<CanaryReportsBody>(call);
  console.log(json === true ? JSON.stringify(body, null, 2) : describeAll(body.reports));
}

function print(report: CanaryReport, json = false): void {
  console.log(json ? JSON.stringify(report, null, 2) : describe(report));
}

export function describeAll(all: readonly CanaryReport[]): string {
  if (all.length === 0) return 'No canary has run yet.';
  return formatTable(
    ['run', 'time', 'by', 'verdict', 'compared', 'v1 p95', 'v2 p95'],
    all.map(({ id, startedAtMs, reason, by, verdict, sample, drift }) => {
      const p95s = [drift?.v1.p95, drift?.v2.p95].map((p95) =>
        p95 === undefined ? '–' : percent(p95),
      );
      const who = reason === 'hand' ? by : 'schedule';
      return [id, timeOf(startedAtMs), who, verdict, sample.compared, ...p95s];
    }),
  );
}

export function describe(report: CanaryReport): string {
  const { id, verdict, startedAtMs, tookMs, reason, by, findings, sample, models, worst } = report;
  const who = reason === 'hand' ? `by ${by}` : 'by the schedule';
  const parts = [
    [`Run ${id} ${who}, ${timeOf(startedAtMs)}, ${tookMs} ms: ${verdict}`, ...findings].join(
      '\n  ',
    ),
    `${sample.compared} compared of ${sample.seen} records; ${sample.withoutActual} did not tell ` +
      `what they came to, ${sample.unreplayable} could not be replayed, ${sample.unreadable} not read`,
  ];
  if (report.drift !== undefined) {
    const all = { model: '*', compared: sample.compared, ...report.drift };
    const rows = [all, ...models].map(({ model, compared, v1, v2 }) => {
      return [model, compared, ...[v1.p50, v1.p95, v2.p50, v2.p95].map(percent)];
    });
    const head = ['model', 'compared', 'v1 p50', 'v1 p95', 'v2 p50', 'v2 p95'];
    const off = worst.map((one) => [
      one.id,
      one.route,
      one.model,
      percent(one.v1),
      percent(one.v2),
    ]);
    parts.push(
      formatTable(head, rows),
      `The farthest off:\n${formatTable(['record', 'route', 'model', 'v1', 'v2'], off)}`,
    );
  }
  return parts.join('\n\n');
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
