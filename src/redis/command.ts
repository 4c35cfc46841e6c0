// Running other programs for set-up: finding them on PATH and collecting what they print.
// It never runs a shell and never throws for a failing program: the caller judges the result.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: string;
  /** The end of what it said on stderr, or why it did not start. */
  readonly complaint: string;
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/** Absolute path of an executable on `PATH`, or undefined. */
export async function findExecutable(
  name: string,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  for (const directory of (env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(directory, name);
    if (directory !== '' && (await isExecutable(candidate))) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program to its end. `ok` means that it started and ended with code 0 in time. */
export async function runCommand(
  path: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { env, cwd, timeoutMs = 120_000 } = options;
  return await new Promise((resolve) => {
    execFile(
      path,
      [...args],
      { env, cwd, timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const complaint = stderr.trim().split('\n').at(-1) ?? '';
        const reason = complaint === '' ? (error?.message ?? '') : complaint;
        resolve({ ok: error === null, stdout, complaint: error === null ? '' : reason });
      },
    );
  });
}
