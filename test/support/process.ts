// Real processes for system tests: the built daemon and command line, what they print, how they
// end. Everything started here is killed when its scope ends, at the latest with the test worker.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { identifyProcess } from '../../src/redis/process-identity.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export interface StartOptions {
  /** Added to a bare environment (PATH and HOME only). */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when it has ended and its output is complete. */
  readonly ended: Promise<Ending>;
  stdout(): string;
  stderr(): string;
  /** The match of the first output (either stream) that fits; rejects when it ends before. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts a program in a process group of its own. In a test, it ends with the test at the latest. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): RunningProcess {
  const child = spawn(command, [...args], {
    cwd: options.cwd ?? ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid === undefined) throw new Error(`${command} did not start`);
  const pid = child.pid;
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  const notify = (): void => watchers.forEach((watch) => watch());
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      notify();
    });
  }
  let ending: Ending | undefined;
  const killAtExit = (): void => kill('SIGKILL');
  process.once('exit', killAtExit);
  try {
    onTestFinished(killAtExit);
  } catch {
    // A hook started it: then its scope, or the worker's end, ends it.
  }
  const ended = new Promise<Ending>((settle) => {
    child.once('close', (code, signal) => {
      process.off('exit', killAtExit);
      ending = { code, signal };
      settle(ending);
      notify();
    });
  });
  const kill = (signal: NodeJS.Signals): void => {
    if (ending === undefined) child.kill(signal);
  };

  const waitFor = (pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> =>
    new Promise((settle, reject) => {
      const fail = (why: string): void => {
        done();
        reject(new Error(`${why} ${String(pattern)}:\n${output.stdout}\n${output.stderr}`));
      };
      const look = (): void => {
        const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr);
        if (match !== null) {
          done();
          settle(match);
        } else if (ending !== undefined) fail(`pid ${pid} ended (${String(ending.code)}) before`);
      };
      const timer = setTimeout(() => fail(`pid ${pid} did not print`), timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        watchers.delete(look);
      };
      watchers.add(look);
      look();
    });

  return {
    pid,
    ended,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    waitFor,
    kill,
    [Symbol.asyncDispose]: async () => {
      kill('SIGTERM');
      const patience = new AbortController();
      const tooLong = delay(5000, 'late', { signal: patience.signal }).catch(() => 'ended');
      if ((await Promise.race([ended, tooLong])) === 'late') kill('SIGKILL');
      patience.abort();
      await ended;
    },
  };
}

/** Runs a file of the built product, such as `main.js` or `cli/main.js`. */
export function startBuilt(
  file: string,
  args: readonly string[] = [],
  options: StartOptions = {},
): RunningProcess {
  const path = resolve(ROOT, 'dist', file);
  if (!existsSync(path)) throw new Error(`${path} is missing: run npm run build`);
  return startProcess(process.execPath, [path, ...args], options);
}

export interface RunningDaemon extends RunningProcess {
  /** http://127.0.0.1:port */
  readonly url: string;
}

/** The built daemon on a free port; resolves when it serves. Give it a `dataDir` or REDIS_URL. */
export async function startDaemonProcess(
  options: StartOptions & { readonly args?: readonly string[] },
): Promise<RunningDaemon> {
  const env = { SLOTKEEPER_PORT: '0', ...options.env };
  const daemon = startBuilt('main.js', options.args, { ...options, env });
  try {
    const [, url = ''] = await daemon.waitFor(/ is ready at (http:\/\/\S+)/, 60_000);
    return { ...daemon, url };
  } catch (error) {
    daemon.kill('SIGKILL');
    throw error;
  }
}

/** Whether a process with this id still runs (a zombie does not). */
export async function isAlive(pid: number): Promise<boolean> {
  return (await identifyProcess(pid)) !== undefined;
}
