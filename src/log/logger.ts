// The daemon's log: one JSON object a line, redacted at the sink, to stdout unless a test gives
// another stream. It owns the form of a line; what is worth a line is its callers'
// business. Control characters in values stay escaped, so a value is never a new line.
// The access line (access.ts) goes past winston into the same stream: a request pays for it.
import type { Writable } from 'node:stream';
import winston from 'winston';
import { accessLine, type AccessFacts } from './access.ts';
import { escapeControls } from './escape.ts';
import { LineBuffer } from './line-buffer.ts';
import { redact, type KnownNames } from './redact.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** Whether lines of `level` are written: lets hot paths skip the work of building one. */
  enabled(level: LogLevel): boolean;
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** The line of a finished request, at level info. */
  access(facts: AccessFacts): void;
  /** From here on lines down to `level` are written. */
  setLevel(level: LogLevel): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** process.stdout by default. */
  readonly stream?: Writable;
}

/** Never throws and never stops the daemon: a sink that is gone loses lines, not requests. */
export function createLogger(options: LoggerOptions): Logger {
  const target = options.stream ?? process.stdout;
  // Without a listener a closed pipe (`slotkeeper serve | head`) would end the process.
  target.on('error', () => undefined);
  const stream = options.stream ?? bufferedUntilExit(target);
  const names: KnownNames = new Map();
  const sink = winston.createLogger({
    level: options.level,
    format: winston.format.printf((info) => formatLine(info, names)),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston declares its transport classes as instances of themselves
    transports: [new winston.transports.Stream({ stream })],
    exitOnError: false,
  });
  const write = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    // The fields travel under one name: winston itself treats `message` and `stack` in them
    // specially, before any format has run.
    sink.log({ level, message, fields });
    if (level !== 'info' && stream instanceof LineBuffer) stream.flush();
  };
  let most = options.level;
  const enabled = (level: LogLevel): boolean => RANKS[level] <= RANKS[most];
  return {
    enabled,
    error: (message, fields) => write('error', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    info: (message, fields) => write('info', message, fields),
    debug: (message, fields) => write('debug', message, fields),
    access: (facts) => {
      if (enabled('info')) stream.write(`${accessLine(facts, new Date())}\n`);
    },
    setLevel: (level) => {
      most = level;
      sink.level = level;
    },
  };
}

const RANKS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

function bufferedUntilExit(target: Writable): LineBuffer {
  const buffer = new LineBuffer(target);
  process.once('exit', () => buffer.flush());
  return buffer;
}

function formatLine(info: winston.Logform.TransformableInfo, names: KnownNames): string {
  const head = { time: new Date().toISOString(), level: info.level, message: redact(info.message) };
  const line = JSON.stringify(Object.assign(head, redact(info['fields'], names)));
  return escapeControls(line);
}
