// `npm run bench`: runs the scenarios that are asked for and reports every bar. It exits with 0
// also when a bar falls short (this is a report), and with 1 when a scenario broke.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeChart } from './chart.ts';
import { readRunFacts } from './harness/machine.ts';
import { installPeers } from './harness/peers.ts';
import {
  barLine,
  judge,
  medianTable,
  summaryTable,
  type ScenarioReport,
} from './harness/report.ts';
import { readLatest, writeResults } from './harness/results.ts';
import { Skipped, type Bench, type Measured, type Scenario } from './harness/scenario.ts';
import { scenarios } from './scenarios/index.ts';

const USAGE = `npm run bench [-- <name> ...] [--list] [--quick] [--seconds N] [--rounds N]`;

interface Plan {
  readonly scenarios: readonly Scenario[];
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
}

type Command =
  | { readonly kind: 'run'; readonly plan: Plan }
  | { readonly kind: 'list' }
  | { readonly kind: 'mistake'; readonly message: string };

function readCommand(): Command {
  const options = {
    list: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return { kind: 'mistake', message: (error as Error).message };
  }
  const { values, positionals } = parsed;
  if (values.list) return { kind: 'list' };
  const unknown = positionals.find((name) => !scenarios.some((one) => isMeant(one, name)));
  if (unknown !== undefined)
    return { kind: 'mistake', message: `no scenario is called ${unknown}` };
  const seconds = Number(values.seconds ?? (values.quick ? 1 : 4));
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  if (!(seconds > 0 && seconds <= 60))
    return { kind: 'mistake', message: '--seconds takes 1 to 60' };
  if (!(rounds >= 1 && rounds <= 50)) return { kind: 'mistake', message: '--rounds takes 1 to 50' };
  const chosen = scenarios.filter(
    (one) => positionals.length === 0 || positionals.some((name) => isMeant(one, name)),
  );
  return { kind: 'run', plan: { scenarios: chosen, quick: values.quick, rounds, seconds } };
}

/** A scenario goes by its name, by that of a bar, and by how either begins: `heart`, `vs`. */
function isMeant(scenario: Scenario, asked: string): boolean {
  return [scenario, ...scenario.bars].some(
    ({ name }) => name === asked || name.startsWith(`${asked}-`),
  );
}

async function runScenario(scenario: Scenario, plan: Plan): Promise<ScenarioReport> {
  console.log(`\n${scenario.name}: ${scenario.describe}`);
  const startMs = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'slotkeeper-bench-'));
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeDirectory);
  const cleanUps: (() => Promise<unknown>)[] = [];
  const bench: Bench = {
    quick: plan.quick,
    rounds: plan.rounds,
    seconds: plan.seconds,
    directory,
    progress: showProgress,
    defer: (cleanUp) => void cleanUps.push(cleanUp),
  };
  try {
    const measured = await scenario.run(bench);
    return report(scenario, measured, startMs);
  } catch (error) {
    const verdict = error instanceof Skipped ? 'skipped' : 'failed';
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    if (verdict === 'failed') console.error(error);
    const bars = scenario.bars.map((bar) => ({ ...bar, verdict }) as const);
    const { name, describe } = scenario;
    return { name, describe, bars, reason, notes: [], rounds: {}, tookSeconds: since(startMs) };
  } finally {
    showProgress('');
    for (const cleanUp of cleanUps.reverse()) await cleanUp().catch(console.error);
    process.off('exit', removeDirectory);
    removeDirectory();
  }
}

function report(scenario: Scenario, measured: Measured, startMs: number): ScenarioReport {
  showProgress('');
  console.log(medianTable(measured.rounds));
  const notes = measured.notes ?? [];
  for (const note of notes) console.log(`  ${note}`);
  return {
    name: scenario.name,
    describe: scenario.describe,
    bars: scenario.bars.map((bar) => judge(bar, measured.readings[bar.name])),
    notes,
    rounds: Object.fromEntries(measured.rounds),
    tookSeconds: since(startMs),
  };
}

function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${line === '' ? '' : `  ${line}`}`);
}

function since(startMs: number): number {
  return Math.round((performance.now() - startMs) / 1000);
}

async function runAll(plan: Plan): Promise<number> {
  installPeers((line) => console.log(line));
  const facts = await readRunFacts(new Date());
  const { machine } = facts;
  console.log(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryMib} MiB, ${machine.kernel}`,
  );
  console.log(`node ${facts.versions['node']}, redis ${facts.versions['redis']}, ${facts.commit}`);
  if (machine.loadAverage > 0.5) {
    console.log(`load average ${machine.loadAverage.toFixed(1)}: other work disturbs the figures`);
  }
  const reports: ScenarioReport[] = [];
  for (const scenario of plan.scenarios) {
    const done = await runScenario(scenario, plan);
    for (const bar of done.bars) console.log(barLine(bar, done.reason));
    reports.push(done);
  }
  const { quick, rounds, seconds } = plan;
  const path = writeResults({
    ...facts,
    quick,
    rounds,
    secondsPerRound: seconds,
    scenarios: reports,
  });
  if (!quick) writeChart(readLatest());
  console.log(`\n${summaryTable(reports)}\n\n  ${path}`);
  return reports.some(({ bars }) => bars.some(({ verdict }) => verdict === 'failed')) ? 1 : 0;
}

const command = readCommand();
if (command.kind === 'mistake') {
  console.error(`${command.message}\n${USAGE}`);
  process.exitCode = 2;
} else if (command.kind === 'list') {
  for (const { name, describe } of scenarios) console.log(`${name.padEnd(20)} ${describe}`);
} else {
  // Children end by their own listeners on `exit`, which a signal alone would not reach.
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  process.exitCode = await runAll(command.plan);
}
