// The files of a run under bench/results: one for each full run, and `latest.json` with the newest
// full measurement of every scenario. A quick run leaves `quick.json` only.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunFacts } from './machine.ts';
import type { ScenarioReport } from './report.ts';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', 'results');

export interface RunResult extends RunFacts {
  readonly quick: boolean;
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly scenarios: readonly ScenarioReport[];
}

/** The newest full measurement of each scenario, with the facts of the run that made it. */
export type Latest = Readonly<Record<string, ScenarioReport & { readonly run: RunFacts }>>;

/** Writes the run's files and returns the path of its own. */
export function writeResults(run: RunResult): string {
  mkdirSync(FOLDER, { recursive: true });
  const stamp = run.startedAt.slice(0, 16).replaceAll(':', '');
  const path = join(FOLDER, run.quick ? 'quick.json' : `${stamp}-${run.commit}.json`);
  write(path, run);
  if (!run.quick) write(join(FOLDER, 'latest.json'), merge(readLatest(), run));
  return path;
}

export function readLatest(): Latest {
  const path = join(FOLDER, 'latest.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Latest) : {};
}

function merge(latest: Latest, run: RunResult): Latest {
  const { startedAt, commit, machine, versions } = run;
  const measured = run.scenarios.filter(({ rounds }) => Object.keys(rounds).length > 0);
  const news = measured.map(
    (scenario) =>
      [scenario.name, { ...scenario, run: { startedAt, commit, machine, versions } }] as const,
  );
  return { ...latest, ...Object.fromEntries(news) };
}

/** Figures keep six significant digits: more would be noise in a diff. */
function write(path: string, value: unknown): void {
  const rounded = (_: string, item: unknown): unknown =>
    typeof item === 'number' && !Number.isInteger(item) ? Number(item.toPrecision(6)) : item;
  writeFileSync(path, `${JSON.stringify(value, rounded, 2)}\n`);
}
