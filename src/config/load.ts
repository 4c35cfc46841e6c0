// From a file and the environment to one checked, frozen configuration, or to one error that lists
// every fault. It opens no connection; defaults are the schema's.
import { access, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { AppError } from '../core/errors.ts';
import { fixedFaults, fixedFaultsOf } from './changes.ts';
import { crossCheck } from './crosscheck.ts';
import { demoTree } from './demo.ts';
import { applyOverrides, substitute } from './environment.ts';
import type { Environment } from './environment.ts';
import { configError, faultsOfIssues, formatPath } from './faults.ts';
import type { Fault } from './faults.ts';
import { resolveConfig } from './resolve.ts';
import { configSchema } from './schema.ts';
import type { Config } from './schema.ts';

export interface LoadOptions {
  readonly env: Environment;
  /** The file that was asked for; else SLOTKEEPER_CONFIG, else slotkeeper.config.yaml if there. */
  readonly path?: string | undefined;
  /** Relative paths start here; process.cwd() by default. */
  readonly cwd?: string | undefined;
  /** What the daemon runs with: what it cannot change while it runs is a fault, too. */
  readonly running?: Config | undefined;
}

const DEFAULT_FILE = 'slotkeeper.config.yaml';

/**
 * Without a file it is the demo configuration (`demo: true`), whose accounts get their upstream by
 * `withSimulator`. Rejects with `config_invalid`: the message names every fault and how to cure it.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const path = await findConfigFile(options);
  const { env, running } = options;
  if (path === undefined) return demoConfig({ env, running });
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new AppError('config_invalid', `${path} cannot be read (${codeOf(error)}).`);
  });
  return parseConfig(text, { source: path, env, running });
}

/** The built-in demonstration: a pool of simulated accounts, served without a file. */
export function demoConfig(options: {
  readonly env: Environment;
  readonly simUrl?: string;
  readonly running?: Config | undefined;
}): Config {
  const { env, simUrl, running } = options;
  const source = 'The demo configuration with this environment';
  return buildConfig(demoTree(simUrl), { source, env, running, demo: true });
}

/** The file to read, or undefined for none. A file that was asked for is returned even if absent. */
export async function findConfigFile(options: LoadOptions): Promise<string | undefined> {
  const cwd = options.cwd ?? process.cwd();
  const asked = options.path ?? options.env['SLOTKEEPER_CONFIG'] ?? '';
  if (asked !== '') return resolve(cwd, asked);
  const usual = resolve(cwd, DEFAULT_FILE);
  return await access(usual).then(
    () => usual,
    () => undefined,
  );
}

export interface ParseOptions {
  /** Stands before the faults: the file's path. */
  readonly source: string;
  readonly env: Environment;
  /** See LoadOptions. */
  readonly running?: Config | undefined;
}

/** The same for a text that is already here. */
export function parseConfig(text: string, options: ParseOptions): Config {
  const faults: Fault[] = [];
  const tree = parseYaml(text, faults);
  if (faults.length > 0) throw configError(options.source, faults);
  const filled = substitute(tree, options.env, faults);
  return buildConfig(filled, { ...options, demo: false, earlier: faults });
}

interface BuildOptions extends ParseOptions {
  readonly demo: boolean;
  readonly earlier?: readonly Fault[];
}

function buildConfig(filled: unknown, options: BuildOptions): Config {
  const { tree, sources } = applyOverrides(filled, options.env);
  const parsed = configSchema.safeParse(tree);
  const found = [...faultsOfIssues(parsed.error?.issues ?? []), ...crossCheck(tree)];
  const earlier = options.earlier ?? [];
  // An option whose variable is missing has its fault already: no second one for the empty text.
  const known = new Set(earlier.map(({ path }) => formatPath(path)));
  const faults = [...earlier, ...found.filter(({ path }) => !known.has(formatPath(path)))];
  const { running, source } = options;
  const refuse = (all: readonly Fault[]): AppError =>
    configError(source, all.map(nameSource(sources)));
  if (!parsed.success || faults.length > 0) {
    throw refuse(running === undefined ? faults : [...faults, ...fixedFaultsOf(running, tree)]);
  }
  const config = resolveConfig(parsed.data, { demo: options.demo });
  const fixed = running === undefined ? [] : fixedFaults(running, config);
  if (fixed.length > 0) throw refuse(fixed);
  return config;
}

/** Says which variable an option came from, so that nobody looks for it in the file. */
function nameSource(sources: ReadonlyMap<string, string>): (fault: Fault) => Fault {
  return (fault) => {
    const variable = sources.get(formatPath(fault.path));
    if (variable === undefined) return fault;
    return { ...fault, message: `${fault.message} (it comes from ${variable})` };
  };
}

function parseYaml(text: string, faults: Fault[]): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const [first] = document.errors;
  if (first !== undefined) {
    // What follows the first error is its echo. The parser's own message may quote the line, and
    // the line may hold a key.
    const { line, col } = lineCounter.linePos(first.pos[0]);
    const message =
      `line ${line}, column ${col}: this is not well-formed YAML (${first.code}); ` +
      'check indentation, and quote texts that hold any of : # { } [ ] *';
    faults.push({ path: [], message });
    return undefined;
  }
  try {
    return (document.toJS({ maxAliasCount: 1000 }) as unknown) ?? {};
  } catch {
    faults.push({ path: [], message: 'an alias (*name) in it leads nowhere or to itself' });
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown reason';
}
