// One owner at a time for a data directory: a lock file that names its owner and the server that
// the owner runs there. It refuses while the owner lives; a dead owner's lock is taken over.
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../core/errors.ts';
import { identifyProcess, isRunning } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const identity = z.object({ pid: z.number().int().positive(), started: z.string() });
const lockFile = z.object({ owner: identity, server: identity.optional() });

export interface DirectoryLock {
  /** The server that a dead owner left; it may still be running. */
  readonly leftover: ProcessIdentity | undefined;
  /** Records the server that now runs in the directory. */
  recordServer(pid: number): Promise<void>;
  /** Idempotent. */
  release(): Promise<void>;
}

/** Rejects with `store_unavailable` and the owner's pid when a live process holds the directory. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const owner = await identifyProcess(process.pid);
  if (owner === undefined) throw new AppError('internal', 'This process cannot identify itself.');
  const path = join(directory, 'lock');
  let leftover: ProcessIdentity | undefined;
  // Each turn either creates the file, refuses, or removes a dead owner's file.
  for (;;) {
    if (await createAtomically(path, JSON.stringify({ owner }))) break;
    leftover = (await takeAwayDead(path, directory)) ?? leftover;
  }
  return {
    leftover,
    recordServer: async (pid) => {
      const server = await identifyProcess(pid);
      await replaceAtomically(path, JSON.stringify({ owner, server }));
    },
    release: async () => {
      await rm(path, { force: true });
    },
  };
}

/** Content and name appear together: nobody ever reads a half-written lock. */
async function createAtomically(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${process.pid}.${performance.now()}`;
  await writeFile(draft, content, { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function replaceAtomically(path: string, content: string): Promise<void> {
  const draft = `${path}.${process.pid}.${performance.now()}`;
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, path);
}

/** Removes the lock of a dead owner and returns the server that it names; refuses a live one. */
async function takeAwayDead(path: string, directory: string): Promise<ProcessIdentity | undefined> {
  const content = await readFile(path, 'utf8').catch(() => undefined);
  if (content === undefined) return undefined;
  const held = parseLock(content);
  if (held !== undefined && (await isRunning(held.owner))) throw heldBy(held.owner.pid, directory);
  const aside = `${path}.dead.${process.pid}.${performance.now()}`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return undefined;
  // Between reading and moving, another starter may have taken over: then that file is alive.
  const taken = await readFile(aside, 'utf8');
  if (taken !== content) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
  return taken === content ? held?.server : undefined;
}

function parseLock(content: string): z.infer<typeof lockFile> | undefined {
  try {
    return lockFile.parse(JSON.parse(content));
  } catch {
    return undefined;
  }
}

function heldBy(pid: number, directory: string): AppError {
  return new AppError(
    'store_unavailable',
    `Another Slotkeeper (pid ${pid}) runs its Redis in ${directory}. Stop it first, or give this ` +
      `one a directory of its own with SLOTKEEPER_DATA_DIR. To share one Redis between daemons, ` +
      `set REDIS_URL=unix://${join(directory, 'redis.sock')}`,
  );
}
