// `npm run chaos`: one fault after the other, a line for each on stdout, progress on stderr. Every
// process that it starts ends with it, also when it is broken off.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { barLine, barsOf, isShort } from './bars.ts';
import { listText, readCommand, USAGE, type Plan } from './command.ts';
import { runFault, type Report } from './experiment.ts';
import type { RunFacts } from './report.ts';
import { headLine, reportLines, summaryLine, writeDocument, writeJson } from './report.ts';

const EXIT = { held: 0, failed: 1, usage: 2, brokenOff: 130 } as const;
const SAME_SIGNAL_MS = 300;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function factsOf({ seed, requests }: Plan): RunFacts {
  const git = (...args: string[]) => spawnSync('git', args, { encoding: 'utf8' });
  const head = git('rev-parse', '--short', 'HEAD');
  const changed = git('status', '--porcelain', '--untracked-files=no').stdout.trim() !== '';
  const commit = head.status === 0 ? head.stdout.trim() : 'unknown';
  return {
    seed,
    requests,
    commit: changed ? `${commit} with changes` : commit,
    startedAt: new Date().toISOString(),
    machine: `${cpus().length} cores, Node ${process.versions.node}`,
  };
}

async function runAll(plan: Plan, signal: AbortSignal): Promise<number> {
  const facts = factsOf(plan);
  const { faults, requests, seed } = plan;
  say(`Seed ${seed}; the same choices again: npm run chaos -- --seed ${seed}`);
  print(headLine());
  const reports: Report[] = [];
  for (const [index, fault] of faults.entries()) {
    say(`${index + 1}/${faults.length} ${fault.name}: ${fault.does} …`);
    const report = await runFault(fault, { requests, seed, signal });
    reports.push(report);
    print(reportLines(report));
  }
  print(summaryLine(reports));
  const bars = barsOf(reports);
  for (const bar of bars) print(barLine(bar));
  if (plan.json !== undefined) writeJson(plan.json, facts, reports);
  if (plan.write) writeDocument(facts, reports);
  return bars.some(isShort) ? EXIT.failed : EXIT.held;
}

/** Aborted by the first SIGINT or SIGTERM; a second one ends the process at once. */
function breakableBySignals(): AbortController {
  const breaking = new AbortController();
  let since = 0;
  const breakOff = (): void => {
    const now = performance.now();
    // Terminal, npm and our own starter may each pass the same Ctrl-C on.
    if (breaking.signal.aborted && now - since < SAME_SIGNAL_MS) return;
    // Children are killed by their own listeners on `exit`.
    if (breaking.signal.aborted) process.exit(EXIT.brokenOff);
    since = now;
    say('Broken off: everything is being stopped.');
    breaking.abort();
  };
  process.on('SIGINT', breakOff).on('SIGTERM', breakOff);
  return breaking;
}

async function main(): Promise<number> {
  // Every process that is started is killed by a listener on `exit`.
  process.setMaxListeners(0);
  const command = readCommand(process.argv.slice(2));
  if (command.kind === 'mistake') {
    say(`${command.message}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (command.kind !== 'run') {
    print(command.kind === 'help' ? USAGE : listText());
    return EXIT.held;
  }
  const breaking = breakableBySignals();
  try {
    return await runAll(command.plan, breaking.signal);
  } catch (error) {
    if (breaking.signal.aborted) return EXIT.brokenOff;
    throw error;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`chaos: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = EXIT.failed;
}
