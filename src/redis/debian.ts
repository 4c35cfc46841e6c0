// Debian's and Ubuntu's own packages, unpacked into a cache directory of the user's: no root, no
// system service, apt state of its own. It refuses to touch what the system has installed.
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findExecutable, runCommand } from './command.ts';

export interface UnpackOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cache: string;
  readonly onProgress?: ((line: string) => void) | undefined;
}

export type UnpackResult =
  /** `bin` holds a plain executable for each of the programs. */
  | { readonly kind: 'unpacked'; readonly bin: string }
  | { readonly kind: 'impossible'; readonly reason: string };

interface Tools {
  readonly aptGet: string;
  readonly aptCache: string;
  readonly dpkg: string;
  readonly dpkgQuery: string;
  readonly env: NodeJS.ProcessEnv;
}

/** What to bring; the libraries that they need and the system lacks come by themselves. */
export interface DebianSet {
  /** Its directory in the cache is this and the first package's version. */
  readonly name: string;
  readonly packages: readonly [string, ...string[]];
  /** In the packages' usr/bin; the first one answers `--version`. */
  readonly programs: readonly [string, ...string[]];
  readonly megabytes: number;
}

export const DEBIAN_REDIS: DebianSet = {
  name: 'redis',
  packages: ['redis-server', 'redis-tools'],
  programs: ['redis-server', 'redis-cli'],
  megabytes: 7,
};

/**
 * Brings the packages in some seconds. Safe to run in several processes at once: each unpacks
 * aside, the first rename wins.
 */
export async function unpackDebian(set: DebianSet, options: UnpackOptions): Promise<UnpackResult> {
  const tools = await findTools(options.env);
  if (tools === undefined) return { kind: 'impossible', reason: 'no apt-get and dpkg here' };
  let work: string;
  try {
    await mkdir(options.cache, { recursive: true, mode: 0o700 });
    work = await mkdtemp(join(options.cache, 'unpacking-'));
  } catch (error) {
    return { kind: 'impossible', reason: `cannot write to ${options.cache} (${String(error)})` };
  }
  try {
    const what = set === DEBIAN_REDIS ? 'a Redis server of your own' : set.packages.join(', ');
    options.onProgress?.(`Bringing ${what} (no root needed, about ${set.megabytes} MB) …`);
    return await unpackInto(work, set, { ...options, tools });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function findTools(env: NodeJS.ProcessEnv): Promise<Tools | undefined> {
  const names = ['apt-get', 'apt-cache', 'dpkg', 'dpkg-query'];
  const paths = await Promise.all(names.map((name) => findExecutable(name, env)));
  const [aptGet, aptCache, dpkg, dpkgQuery] = paths;
  if (aptGet === undefined || aptCache === undefined) return undefined;
  if (dpkg === undefined || dpkgQuery === undefined) return undefined;
  return { aptGet, aptCache, dpkg, dpkgQuery, env: { ...env, LC_ALL: 'C' } };
}

interface UnpackSteps extends UnpackOptions {
  readonly tools: Tools;
}

async function unpackInto(
  work: string,
  set: DebianSet,
  options: UnpackSteps,
): Promise<UnpackResult> {
  const { tools } = options;
  const reason = await download(work, set, options);
  if (reason !== undefined) return { kind: 'impossible', reason };
  const debs = (await readdir(work)).filter((name) => name.endsWith('.deb'));
  const root = join(work, 'root');
  for (const deb of debs) {
    const unpacked = await runCommand(tools.dpkg, ['-x', join(work, deb), root]);
    if (!unpacked.ok) return { kind: 'impossible', reason: unpacked.complaint };
  }
  const prefix = `${set.packages[0]}_`;
  const version = debs
    .filter((deb) => deb.startsWith(prefix))
    .map((deb) => /^(?:\d+%3a)?([\d.]*\d)/.exec(deb.slice(prefix.length))?.[1])
    .find(Boolean);
  if (version === undefined) return { kind: 'impossible', reason: 'the package has no version' };
  return await publish(root, join(options.cache, `${set.name}-${version}`), set.programs);
}

/** Undefined when all packages lie in `work`, else why not. */
async function download(
  work: string,
  { packages }: DebianSet,
  { tools, ...options }: UnpackSteps,
): Promise<string | undefined> {
  // The system's package lists may be missing (slim images) or name files that are gone.
  if ((await downloadWith([], packages, { work, tools })) === undefined) return undefined;
  options.onProgress?.("Reading the distribution's package lists …");
  const apt = await privateApt(work);
  const updated = await runCommand(tools.aptGet, [...apt, '-q', 'update'], { env: tools.env });
  const reason = await downloadWith(apt, packages, { work, tools });
  return reason === undefined || updated.ok ? reason : updated.complaint;
}

/** apt options that keep lists, locks and archives below `work`. */
async function privateApt(work: string): Promise<readonly string[]> {
  const state = join(work, 'state');
  const archives = join(work, 'archives');
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(join(archives, 'archives', 'partial'), { recursive: true });
  const settings = [
    `Dir::State=${state}`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${archives}`,
    'APT::Sandbox::User=',
    'Acquire::Languages=none',
    'APT::Update::Post-Invoke=',
    'APT::Update::Post-Invoke-Success=',
  ];
  return settings.flatMap((setting) => ['-o', setting]);
}

async function downloadWith(
  apt: readonly string[],
  packages: readonly string[],
  { work, tools }: { readonly work: string; readonly tools: Tools },
): Promise<string | undefined> {
  const depends = await runCommand(tools.aptCache, [...apt, 'depends', '-i', ...packages], {
    env: tools.env,
  });
  if (!depends.ok) return depends.complaint;
  const libraries = await missingLibraries(depends.stdout, tools);
  const fetched = await runCommand(
    tools.aptGet,
    [...apt, '-q', 'download', ...packages, ...libraries],
    { cwd: work, env: tools.env },
  );
  return fetched.ok ? undefined : fetched.complaint;
}

/** Scripts for browsers (libjs-…) are no libraries of a program. */
async function missingLibraries(depends: string, tools: Tools): Promise<readonly string[]> {
  const wanted = [...depends.matchAll(/^ {2}Depends: ((?:lib(?!js-)|lua-)\S+)/gm)].map(
    (match) => match[1],
  );
  const names = [...new Set(wanted.filter((name) => name !== undefined))];
  if (names.length === 0) return [];
  const query = ['-W', '-f', '${db:Status-Abbrev}|${Package}\\n', ...names];
  const { stdout } = await runCommand(tools.dpkgQuery, query, { env: tools.env });
  const installed = new Set([...stdout.matchAll(/^ii\s*\|(\S+)/gm)].map((match) => match[1]));
  return names.filter((name) => !installed.has(name));
}

/** Moves the unpacked tree to its final place, with wrappers that know where its libraries lie. */
async function publish(
  root: string,
  target: string,
  programs: DebianSet['programs'],
): Promise<UnpackResult> {
  const staged = `${root}-staged`;
  await mkdir(join(staged, 'bin'), { recursive: true });
  await rename(root, join(staged, 'root'));
  const libraries = await libraryDirectories(join(staged, 'root'));
  for (const name of programs) {
    const wrapper = join(staged, 'bin', name);
    await writeFile(wrapper, wrapperScript(join(target, 'root'), name, libraries));
    await chmod(wrapper, 0o755);
  }
  const bin = join(target, 'bin');
  const isPlaced = await renamed(staged, target);
  // Another process may have been first: its tree serves, unless it is a damaged one.
  if (!isPlaced && !(await runCommand(join(bin, programs[0]), ['--version'])).ok) {
    await renamed(target, `${root}-damaged`);
    await renamed(staged, target);
  }
  return { kind: 'unpacked', bin };
}

async function renamed(from: string, to: string): Promise<boolean> {
  return await rename(from, to).then(
    () => true,
    () => false,
  );
}

async function libraryDirectories(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const base of ['usr/lib', 'lib']) {
    const entries = await readdir(join(root, base)).catch((): string[] => []);
    found.push(...entries.filter((name) => name.includes('linux')).map((name) => join(base, name)));
  }
  return found;
}

function wrapperScript(root: string, name: string, libraries: readonly string[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const path = libraries.map((directory) => join(root, directory)).join(':');
  return [
    '#!/bin/sh',
    `LD_LIBRARY_PATH=${quoted(path)}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}`,
    'export LD_LIBRARY_PATH',
    `exec ${quoted(join(root, 'usr', 'bin', name))} "$@"`,
    '',
  ].join('\n');
}
