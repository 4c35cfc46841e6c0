// `slotkeeper provenance`: brings records of estimates in, compares them with their source, writes them
// out and counts them. Exit codes: 0 done, 1 bad lines (backfill), something different or missing
// (verify), 130 or 143 stopped by a signal.
import type { Command } from 'commander';
import { z } from 'zod';
import { DEFAULT_COSTSIM, type CostsimConfig } from '../../config/costsim-schema.ts';
import { loadConfig } from '../../config/load.ts';
import { AppError } from '../../core/errors.ts';
import { BackfillStore } from '../../costsim/backfill-store.ts';
import { checkedBy, integerFrom } from '../arguments.ts';
import { liveLine, type LiveLine } from '../live-line.ts';
import { backfill, survey, type Run } from '../provenance/backfill.ts';
import { exportTo, type Wanted } from '../provenance/export.ts';
import type { Tally } from '../provenance/records.ts';
import { findSource, type SourceOptions } from '../provenance/source.ts';
import { describeStats, statsOf } from '../provenance/stats.ts';
import { verify } from '../provenance/verify.ts';
import {
  badLines,
  describeEnd,
  describePlan,
  describeVerified,
  progressOn,
} from '../provenance/words.ts';
import { addStoreOptions, withCell, type StoreOptions } from '../store.ts';

interface ReadOptions extends StoreOptions, SourceOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface ExportOptions extends StoreOptions {
  readonly since?: number;
  readonly until?: number;
  readonly model?: string;
  readonly limit?: number;
  readonly out?: string;
}

const EXIT_FAILED = 1;
const EXIT_OF = { SIGINT: 130, SIGTERM: 143 } as const;

const instant = checkedBy(
  z
    .string()
    .transform((text) => Date.parse(text))
    .refine((ms) => !Number.isNaN(ms), 'It is no time such as 2026-01-31 or 2026-01-31T12:00:00Z.'),
);

export function register(program: Command): void {
  const provenance = program
    .command('provenance')
    .description('records of estimates and actuals: bring in, verify, write out, count');
  addSourceOptions(provenance.command('backfill').exitOverride())
    .description('store records from JSONL or JSON files, each input once')
    .option('--dry-run', 'say what would be stored and trimmed; store nothing')
    .action(runBackfill);
  addSourceOptions(provenance.command('verify').exitOverride())
    .description('compare what is stored with its source; exit 1 with differences')
    .option('--json', 'print JSON')
    .action(runVerify);
  addStoreOptions(provenance.command('export').exitOverride())
    .description('write records as JSONL, oldest first')
    .option('--out <path>', 'a file (default: the standard output)')
    .option('--since <time>', 'of this time or later', instant)
    .option('--until <time>', 'before this time', instant)
    .option('--model <name>', 'of this upstream model')
    .option('--limit <count>', 'so many at most', integerFrom(0))
    .action(runExport);
  addStoreOptions(provenance.command('stats').exitOverride())
    .description('count records by source, estimator and model')
    .option('--json', 'print JSON')
    .action(runStats);
}

function addSourceOptions(command: Command): Command {
  return addStoreOptions(command)
    .option('--file <path>', 'a file: .jsonl, .ndjson or .json, also with .gz')
    .option('--dir <path>', 'all such files of a directory, by name');
}

function runBackfill(options: ReadOptions): Promise<void> {
  return withRun(options, async ({ run, live, print }) => {
    const progress = progressOn(live, run.source);
    const onBad = badLines((text) => live.finish(text));
    const found = await survey({ ...run, onProgress: progress('looked at') }, onBad);
    if (found.tally.bad > 0) process.exitCode = EXIT_FAILED;
    if (found.tally.isCut) {
      print('Interrupted while looking at the source; nothing is stored.');
      return found.tally;
    }
    print(describePlan(found, run.source, run.bounds));
    if (options.dryRun === true) {
      print('Dry run: nothing is stored.');
      return found.tally;
    }
    const done = await backfill({ ...run, onProgress: progress('stored') }, found);
    print(describeEnd(done));
    return done.tally;
  });
}

function runVerify(options: ReadOptions): Promise<void> {
  return withRun(options, async ({ run, live, print }) => {
    const onProgress = progressOn(live, run.source)('identical');
    const onBad = badLines((text) => live.finish(text));
    const found = await verify({ ...run, onProgress }, onBad);
    if (found.different + found.missing > 0) process.exitCode = EXIT_FAILED;
    print(options.json === true ? JSON.stringify(found, null, 2) : describeVerified(found));
    if (found.tally.isCut) live.finish('Interrupted: the rest of the source was not compared.');
    return found.tally;
  });
}

interface Working {
  readonly run: Run;
  readonly live: LiveLine;
  /** To the standard output, in place of what is shown. */
  readonly print: (text: string) => void;
}

/** `work` ends early, with the signal's exit code, where it is interrupted. */
async function withRun(options: ReadOptions, work: (one: Working) => Promise<Tally>) {
  const source = await findSource(options);
  const { costsim, models } = await settingsOf(options);
  const live = liveLine(process.stderr);
  const print = (text: string): void => {
    live.clear();
    console.log(text);
  };
  const interrupt = new AbortController();
  const names = Object.keys(EXIT_OF) as (keyof typeof EXIT_OF)[];
  const onSignal = (name: keyof typeof EXIT_OF): void => interrupt.abort(name);
  // A second one ends the process at once.
  for (const name of names) process.once(name, onSignal);
  await withCell(options, async (cell) => {
    const store = new BackfillStore({ ...cell, windowMs: costsim.drift.windowMs, models });
    const run = { store, source, bounds: costsim.provenance, signal: interrupt.signal };
    const { isCut } = await work({ run, live, print });
    if (isCut) process.exitCode = EXIT_OF[interrupt.signal.reason as keyof typeof EXIT_OF];
  });
  for (const name of names) process.off(name, onSignal);
}

async function runExport({ since, until, out, ...options }: ExportOptions): Promise<void> {
  const { model, limit } = options;
  const wanted: Wanted = {
    ...(since !== undefined && { sinceMs: since }),
    ...(until !== undefined && { untilMs: until }),
    ...(model !== undefined && { model }),
    ...(limit !== undefined && { limit }),
  };
  const { written, unreadable } = await withCell(options, (cell) => exportTo(out, cell, wanted));
  console.error(`${written} records written.`);
  if (unreadable > 0) console.error(`${unreadable} records cannot be read; they are left out.`);
}

async function runStats({ json, ...options }: ReadOptions): Promise<void> {
  const { costsim } = await settingsOf(options);
  const stats = await withCell(options, (cell) => statsOf(cell, costsim));
  console.log(json === true ? JSON.stringify(stats, null, 2) : describeStats(stats));
}

interface Settings {
  readonly costsim: CostsimConfig;
  /** Whose drift is told by name. */
  readonly models: ReadonlySet<string>;
}

/** A store that is named needs no valid configuration: then the bounds are the defaults. */
async function settingsOf({ redis, socket }: StoreOptions): Promise<Settings> {
  try {
    const { costsim, accounts } = await loadConfig({ env: process.env });
    const named = [...new Set(accounts.flatMap(({ models }) => models))];
    return { costsim, models: new Set(named.slice(0, costsim.drift.maxModels)) };
  } catch (error) {
    if (!(error instanceof AppError) || (redis ?? socket) === undefined) throw error;
    console.error('The configuration here is not valid: bounds of provenance are the defaults.');
    return { costsim: DEFAULT_COSTSIM, models: new Set() };
  }
}
