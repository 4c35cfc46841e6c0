// A program of this folder as a process of its own, that is told what to do and answers in order.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** `To` is told, `From` comes back. */
export interface Forked<To, From> {
  tell(message: To): void;
  /** The next answer. Programs answer in the order in which they are asked. */
  ask(message: To): Promise<From>;
  onMessage(hear: (message: From) => void): void;
  /** Resolves when the process has ended. */
  readonly ended: Promise<unknown>;
  /** kill -9 */
  kill(): Promise<void>;
}

/** Ends with the test at the latest. `program`: a file of programs/. */
export function forkProgram<To extends object, From>(program: string): Forked<To, From> {
  const child = fork(resolve(import.meta.dirname, 'programs', program), [], {
    cwd: ROOT,
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const asked: ((message: From) => void)[] = [];
  child.on('message', (message: From) => asked.shift()?.(message));
  const tell = (message: To): void => void child.send(message);
  return {
    tell,
    ended,
    onMessage: (hear) => void child.on('message', hear),
    ask: (message) =>
      new Promise((settle) => {
        asked.push(settle);
        tell(message);
      }),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
