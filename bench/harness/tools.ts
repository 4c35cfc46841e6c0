// Where the programs are that the bench runs beside Node: Redis as the product finds it; nginx and
// wrk on PATH, or from Debian's packages unpacked into the user's cache (no root, no service).
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { AppError } from '../../src/core/errors.ts';
import { findExecutable, runCommand } from '../../src/redis/command.ts';
import { cacheDirectory, findRedisServer as findServer } from '../../src/redis/find-server.ts';
import { Skipped } from './scenario.ts';

export interface Tool {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** nginx lives where only root's PATH looks. */
const PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter);

const IN_PACKAGE = { nginx: 'usr/sbin/nginx', wrk: 'usr/bin/wrk' } as const;

export async function findRedisServer(): Promise<Tool> {
  try {
    const server = await findServer({ env: process.env, onProgress: console.log });
    if (server.kind === 'binary') return { path: server.serverPath, env: process.env };
  } catch (error) {
    if (error instanceof AppError) throw new Skipped(error.message.split('\n')[0]);
    throw error;
  }
  throw new Skipped('a Redis in Docker pays for a network that the others do not have');
}

/** Rejects with `Skipped` where the program cannot be had. */
export async function findTool(name: keyof typeof IN_PACKAGE): Promise<Tool> {
  const installed = await findExecutable(name, { PATH });
  if (installed !== undefined) return { path: installed, env: process.env };
  const root = join(cacheDirectory(process.env), `bench-${name}`);
  if (!existsSync(join(root, IN_PACKAGE[name]))) await unpack(name, root);
  const libraries = join(root, 'usr/lib');
  const folders = (await readdir(libraries).catch(() => [])).map((entry) => join(libraries, entry));
  const env = { ...process.env, LD_LIBRARY_PATH: folders.join(delimiter) };
  return { path: join(root, IN_PACKAGE[name]), env };
}

async function unpack(name: string, root: string): Promise<void> {
  console.log(`bringing ${name} from the distribution's packages`);
  await mkdir(join(root, '..'), { recursive: true });
  const work = await mkdtemp(`${root}-`);
  try {
    await must(name, 'apt-get', ['-q', 'download', name, ...(await libraries(name))], work);
    for (const deb of (await readdir(work)).filter((file) => file.endsWith('.deb'))) {
      await must(name, 'dpkg', ['-x', deb, 'root'], work);
    }
    await rename(join(work, 'root'), root);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The libraries that a package names and that are not installed. */
async function libraries(name: string): Promise<readonly string[]> {
  const depends = await must(name, 'apt-cache', ['depends', '-i', name]);
  const wanted = [...depends.matchAll(/^ {2}Depends: (lib\S+)/gm)].flatMap(
    ([, found]) => found ?? [],
  );
  const checks = wanted.map(async (library) => {
    const { ok, stdout } = await runCommand('dpkg-query', [
      '-W',
      '-f',
      '${db:Status-Abbrev}',
      library,
    ]);
    return ok && stdout.startsWith('ii') ? [] : [library];
  });
  return (await Promise.all(checks)).flat();
}

async function must(
  name: string,
  program: string,
  args: readonly string[],
  cwd?: string,
): Promise<string> {
  const options = cwd === undefined ? {} : { cwd };
  const { ok, stdout, complaint } = await runCommand(program, args, options);
  if (!ok) throw new Skipped(`${name} is not installed, and ${program} failed: ${complaint}`);
  return stdout;
}
