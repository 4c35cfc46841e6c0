#!/usr/bin/env node
// The command line's entry: how commands end. Exit codes: 0 done, 1 failed
// (or, for audit, differences), 2 wrong usage or configuration.
import { CommanderError } from 'commander';
import { AppError } from '../core/errors.ts';
import { redactText } from '../log/redact.ts';
import { createProgram } from './program.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  return error instanceof AppError && error.code === 'config_invalid' ? EXIT_USAGE : EXIT_FAILED;
}

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has printed its own message already.
  if (!(error instanceof CommanderError)) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`slotkeeper: ${redactText(message)}`);
  }
  // A connection that could not be opened may keep a timer for seconds; nothing else is open.
  process.exit(exitCodeOf(error));
}
