// Processes with journals (programs/journal.ts) over one cell: starting, telling and killing them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import type { z } from 'zod';
import type { journalSchema } from '../../src/config/journal-schema.ts';
import type { Message } from '../../src/journal/message.ts';
import type { SessionRef } from '../../src/journal/service.ts';
import type { FleetCell } from './fleet.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PROGRAM = resolve(import.meta.dirname, 'programs/journal.ts');

export type ToJournal =
  | {
      readonly kind: 'begin';
      readonly url: string;
      readonly options: FleetCell['options'];
      readonly config: z.input<typeof journalSchema>;
      /** Whether it stops between a model's answer and the move. */
      readonly stopsDead: boolean;
    }
  | { readonly kind: 'append'; readonly ref: SessionRef; readonly messages: readonly Message[] };

export type FromJournal =
  { readonly kind: 'ready' | 'asked' } | { readonly kind: 'appended'; readonly added: number };

export interface JournalProcess {
  append(ref: SessionRef, messages: readonly Message[]): void;
  /** Resolves at the next message of that kind. */
  heard(kind: FromJournal['kind']): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
}

/** Ends with the test at the latest. */
export async function startJournalProcess(
  begin: Omit<Extract<ToJournal, { kind: 'begin' }>, 'kind'>,
): Promise<JournalProcess> {
  const child = fork(PROGRAM, [], {
    cwd: ROOT,
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const send = (message: ToJournal): void => void child.send(message);
  const heard = (kind: FromJournal['kind']): Promise<void> =>
    new Promise((settle) => {
      child.on('message', (message: FromJournal) => {
        if (message.kind === kind) settle();
      });
    });

  const ready = heard('ready');
  send({ kind: 'begin', ...begin });
  await ready;
  return {
    append: (ref, messages) => send({ kind: 'append', ref, messages }),
    heard,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
