// Prometheus and Alertmanager for tests: from PATH, or Debian's packages unpacked without root into
// the user's cache directory, once for all workers. On CI it refuses to go on without them;
// elsewhere it says why a test cannot run.
import { access, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../src/core/errors.ts';
import { findExecutable } from '../../src/redis/command.ts';
import { unpackDebian, type DebianSet } from '../../src/redis/debian.ts';
import { lockDirectory, type DirectoryLock } from '../../src/redis/directory-lock.ts';
import { cacheDirectory } from '../../src/redis/find-server.ts';

const ALERTMANAGER: DebianSet = {
  name: 'alertmanager',
  packages: ['prometheus-alertmanager'],
  programs: ['prometheus-alertmanager', 'amtool'],
  megabytes: 11,
};

const PROMETHEUS: DebianSet = {
  name: 'prometheus',
  packages: ['prometheus'],
  programs: ['prometheus', 'promtool'],
  megabytes: 20,
};

/** The program's names on PATH, and its name among what we have unpacked: the last one. */
const TOOLS = {
  alertmanager: { names: ['prometheus-alertmanager', 'alertmanager'], set: ALERTMANAGER },
  amtool: { names: ['amtool'], set: ALERTMANAGER },
  prometheus: { names: ['prometheus'], set: PROMETHEUS },
  promtool: { names: ['promtool'], set: PROMETHEUS },
} as const;

export type DebianTool = keyof typeof TOOLS;

/**
 * The program's path; undefined where this machine has no way to it, and then a line on stderr says
 * why. Ask at the top of a test file, for `describe.skipIf(path === undefined)`. Rejects on CI.
 */
export async function debianTool(tool: DebianTool): Promise<string | undefined> {
  const { names, set } = TOOLS[tool];
  for (const name of names) {
    const path = await findExecutable(name, process.env);
    if (path !== undefined) return path;
  }
  const program = names.at(-1) ?? tool;
  const found = await fromCache(set, program);
  if (found !== undefined) return found;
  const lock = await lockSet(set);
  try {
    return (await fromCache(set, program)) ?? (await bring(set, program));
  } finally {
    await lock.release();
  }
}

async function fromCache({ name }: DebianSet, program: string): Promise<string | undefined> {
  const cache = cacheDirectory(process.env);
  const entries = await readdir(cache).catch((): string[] => []);
  const unpacked = entries.filter((entry) => new RegExp(`^${name}-\\d`).test(entry)).sort();
  const path = join(cache, unpacked.at(-1) ?? '', 'bin', program);
  return await access(path).then(
    () => path,
    () => undefined,
  );
}

async function bring(set: DebianSet, program: string): Promise<string | undefined> {
  const onProgress = (line: string): void => console.error(line);
  const cache = cacheDirectory(process.env);
  const result = await unpackDebian(set, { env: process.env, cache, onProgress });
  if (result.kind === 'unpacked') {
    if (set === ALERTMANAGER) await makeRelocatable(result.bin);
    return join(result.bin, program);
  }
  const reason = `Tests that need ${program} cannot run: ${result.reason}.`;
  if ((process.env['CI'] ?? '') !== '') throw new Error(reason);
  console.error(`${reason} Skipped.`);
  return undefined;
}

/** Where Debian's Alertmanager looks for its templates, and has no option for it. */
const TEMPLATES = '/usr/share/prometheus/alertmanager';

/**
 * A copy of Debian's Alertmanager that finds its templates where they were unpacked: in its working
 * directory. Its path takes the place of the built-in one, and is as long. Files that are given to it
 * need absolute paths therefore.
 */
async function makeRelocatable(bin: string): Promise<void> {
  const root = join(bin, '..', 'root');
  const built = await readFile(join(root, 'usr', 'bin', 'prometheus-alertmanager'), 'latin1');
  const here = '/proc/self/cwd'.padEnd(TEMPLATES.length, '/');
  const program = join(bin, 'alertmanager-here');
  const made = built.replaceAll(TEMPLATES, here);
  await writeFile(program, made, { encoding: 'latin1', mode: 0o755 });
  const directory = join(root, TEMPLATES);
  const script = `#!/bin/sh\ncd '${directory}' && exec '${program}' "$@"\n`;
  const draft = join(bin, 'alertmanager.draft');
  await writeFile(draft, script, { mode: 0o755 });
  // What has this name is whole.
  await rename(draft, join(bin, 'alertmanager'));
}

const PATIENCE_MS = 240_000;
const LOOK_AGAIN_MS = 200;

/** Workers that come meanwhile wait for the first one's download instead of repeating it. */
async function lockSet({ name }: DebianSet): Promise<DirectoryLock> {
  const directory = join(cacheDirectory(process.env), `lock-${name}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await lockDirectory(directory);
    } catch (error) {
      const isHeld = error instanceof AppError && error.code === 'store_unavailable';
      if (!isHeld || performance.now() > deadline) throw error;
    }
    await delay(LOOK_AGAIN_MS);
  }
}
