// The daemon's entry: configuration, start, banner, signals, exit codes. What the daemon is made of
// is daemon.ts's matter. Exit codes: 0 drained, 1 failed, 2 usage or configuration, 130 forced.
import { realpathSync } from 'node:fs';
import { isatty } from 'node:tty';
import { parseArgs } from 'node:util';
import { bannerText } from './banner.ts';
import { loadConfig } from './config/load.ts';
import { AppError } from './core/errors.ts';
import { startDaemon } from './daemon.ts';
import type { RunningDaemon } from './daemon.ts';
import { redactText } from './log/redact.ts';
import { configSource } from './reload.ts';
import { readVersion } from './version.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_FORCED = 130;

/** After a failed start nothing should keep the process; what does anyway is cut off then. */
const LINGER_MS = 2000;

/** npm passes on what the terminal has sent to us already: within this time it is one Ctrl-C. */
const SAME_SIGNAL_MS = 300;

const ENDING = ['SIGINT', 'SIGTERM'] as const;
const STDERR = 2;

const USAGE = `Usage: npm start -- [--config FILE]

Without a file (slotkeeper.config.yaml, --config or SLOTKEEPER_CONFIG) it serves a demonstration
against a simulated upstream. All options: docs/configuration.md`;

/**
 * Starts the daemon and resolves when it serves; from then on signals end the process. A failed
 * start prints one message on stderr and sets the exit code.
 */
export async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const signals = new Signals();
  try {
    const options = readArguments(argv);
    if (options.help === true) {
      process.stdout.write(`${USAGE}\n`);
      return;
    }
    await serve(options.config, env, signals);
  } catch (error) {
    signals.ignore();
    const failure = explain(error);
    say(`slotkeeper: ${redactText(failure.message)}`);
    process.exitCode = failure.exitCode;
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}

async function serve(
  path: string | undefined,
  env: NodeJS.ProcessEnv,
  signals: Signals,
): Promise<void> {
  const startedAt = performance.now();
  const source = await configSource({ env, path });
  const config = await loadConfig({ env, path: source.file });
  const daemon = await startDaemon({ config, source, env, onProgress: say });
  signals.serve(daemon);
  const startMs = performance.now() - startedAt;
  say(bannerText(config, { version: readVersion(), startMs, ...daemon }));
}

function readArguments(argv: readonly string[]): { config?: string; help?: boolean } {
  try {
    const options = {
      config: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    } as const;
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new AppError('config_invalid', `${message}\n${USAGE}`);
  }
}

/**
 * What SIGINT and SIGTERM do: starting → end at once; serving → drain; draining → end at once. Our
 * embedded Redis ends with the process in every case. SIGHUP reads the configuration again; where
 * it says that our terminal has gone, it is a SIGTERM.
 */
class Signals {
  #daemon: RunningDaemon | undefined;
  #drainingSince: number | undefined;
  readonly #hasTerminal = isatty(STDERR);

  constructor() {
    for (const name of ENDING) process.on(name, this.#receive);
    process.on('SIGHUP', this.#hangUp);
  }

  serve(daemon: RunningDaemon): void {
    this.#daemon = daemon;
  }

  ignore(): void {
    for (const name of ENDING) process.off(name, this.#receive);
    process.off('SIGHUP', this.#hangUp);
  }

  readonly #hangUp = (): void => {
    if (this.#hasTerminal && !isatty(STDERR)) this.#receive();
    // What is starting has only just read it. A failure is logged, and changes nothing.
    else if (this.#drainingSince === undefined) this.#daemon?.reload().catch(() => undefined);
  };

  readonly #receive = (): void => {
    const now = performance.now();
    if (this.#drainingSince !== undefined && now - this.#drainingSince < SAME_SIGNAL_MS) return;
    if (this.#daemon === undefined || this.#drainingSince !== undefined) process.exit(EXIT_FORCED);
    this.#drainingSince = now;
    say('Draining; a second signal stops at once.');
    this.#daemon.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        say(`slotkeeper: ${redactText(explain(error).message)}`);
        process.exit(EXIT_FAILED);
      },
    );
  };
}

interface Explanation {
  readonly message: string;
  readonly exitCode: number;
}

function explain(error: unknown): Explanation {
  if (error instanceof AppError) {
    const exitCode = error.code === 'config_invalid' ? EXIT_USAGE : EXIT_FAILED;
    return { message: error.message, exitCode };
  }
  const { code, port, address, message } = error as NodeJS.ErrnoException & {
    readonly port?: number;
    readonly address?: string;
  };
  const place = `${address ?? 'this address'}${port === undefined ? '' : `:${port}`}`;
  const advice = 'choose another port with SLOTKEEPER_PORT (0 takes a free one)';
  const words: Readonly<Record<string, string>> = {
    EADDRINUSE: `${place} is in use: stop the program that listens there, or ${advice}.`,
    EACCES: `${place} may not be used by this user: ${advice}.`,
    EADDRNOTAVAIL: `${place} is not an address of this machine: correct SLOTKEEPER_HOST.`,
    ENOTFOUND: `the host to listen on is unknown: correct SLOTKEEPER_HOST.`,
  };
  return { message: words[code ?? ''] ?? message, exitCode: EXIT_FAILED };
}

// To stderr: stdout carries the log, one JSON object a line.
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const invoked = process.argv[1];
if (invoked !== undefined && realpathSync(invoked) === import.meta.filename) {
  await main(process.argv.slice(2), process.env);
}
