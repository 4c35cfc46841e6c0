// A daemon for one load run: the built product with its demo configuration or a given one, a free
// port and a data directory of its own, so that nothing of a user's daemon or Redis is touched.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../core/errors.ts';

export interface OwnDaemon {
  readonly url: string;
  /** Idempotent; resolves when the daemon has ended and its directory is gone. */
  stop(): Promise<void>;
}

/** The same place from src/ and from dist/. */
const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
/** What a daemon reads in its working directory unless it is told otherwise. */
const CONFIG_FILE = 'slotkeeper.config.yaml';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const LAST_LINES = 15;

/** `configuration` is the text of its file; without one it is the demonstration. */
export async function startOwnDaemon(configuration?: string): Promise<OwnDaemon> {
  if (!existsSync(MAIN)) {
    throw new AppError('config_invalid', `There is no ${MAIN}. Run "npm run build" first.`);
  }
  const directory = await mkdtemp(join(tmpdir(), 'slotkeeper-load-'));
  if (configuration !== undefined) {
    // It holds keys.
    await writeFile(join(directory, CONFIG_FILE), configuration, { mode: 0o600 });
  }
  const child = spawn(process.execPath, [MAIN], {
    cwd: directory,
    env: daemonEnvironment(join(directory, 'data')),
    stdio: ['ignore', 'ignore', 'pipe'],
    // Ctrl-C must end the load first: the daemon is asked afterwards whether all slots came back.
    detached: true,
  });
  // Only after a second Ctrl-C; whatever still writes there is ending too.
  const killOnExit = () => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once('exit', killOnExit);
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await end(child);
    process.off('exit', killOnExit);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    return { url: await announcedUrl(child), stop: () => (stopped ??= stop()) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ours without what would point the daemon at someone's real Redis, configuration or key. */
function daemonEnvironment(dataDir: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name !== 'REDIS_URL' && !name.startsWith('SLOTKEEPER_'),
  );
  return {
    ...Object.fromEntries(inherited),
    SLOTKEEPER_PORT: '0',
    SLOTKEEPER_DATA_DIR: dataDir,
  };
}

/** As the daemon's banner says it, on stderr. */
async function announcedUrl(child: ChildProcess): Promise<string> {
  let said = '';
  return await new Promise<string>((resolve, reject) => {
    const fail = (what: string) => {
      const last = said.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
      reject(new AppError('internal', `The daemon ${what}. It said:\n${last}`));
    };
    const timer = setTimeout(() => fail('did not start in time'), START_TIMEOUT_MS);
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      const url = /ready at (http:\S+)\s/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      child.stderr?.off('data', listen).resume();
      resolve(url);
    };
    child.stderr?.on('data', listen);
    child.once('exit', () => {
      clearTimeout(timer);
      fail('ended at once');
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
