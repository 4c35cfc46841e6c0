// How a Redis server is started as our child: its arguments, where it will listen, and what makes
// it end when we do. It decides; embedded.ts starts and watches.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../core/errors.ts';
import { findExecutable, runCommand } from './command.ts';
import type { RedisServer } from './find-server.ts';
import type { RedisAddress } from './probe.ts';

export interface LaunchOptions {
  /** Absolute path of an existing directory. */
  readonly dataDir: string;
  readonly persistence: 'append-only' | 'none';
  /** Further redis.conf settings; they win over ours. */
  readonly settings: Readonly<Record<string, string>>;
  readonly env: NodeJS.ProcessEnv;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Where it listens, once it does; undefined while that cannot be told yet. */
  address(): Promise<RedisAddress | undefined>;
  /** A shell line that opens a redis-cli on it. */
  readonly cliCommand: (address: RedisAddress) => string;
  /** Removes what lies outside the data directory. */
  dispose(): Promise<void>;
}

/** sun_path is 108 bytes on Linux (104 on macOS), the last one a NUL. */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

export async function planLaunch(server: RedisServer, options: LaunchOptions): Promise<Launch> {
  return server.kind === 'binary'
    ? await planBinary(server, options)
    : await planDocker(server, options);
}

async function planBinary(
  server: RedisServer & { kind: 'binary' },
  options: LaunchOptions,
): Promise<Launch> {
  const socket = await placeSocket(options.dataDir);
  const settings = {
    ...baseSettings(options.persistence),
    dir: options.dataDir,
    port: '0',
    unixsocket: socket.path,
    unixsocketperm: '700',
    ...options.settings,
  };
  const address: RedisAddress = { kind: 'unix', path: socket.path };
  const shell = await tieToParent([server.serverPath, ...asArguments(settings)], options.env);
  return {
    ...shell,
    address: () => Promise.resolve(address),
    cliCommand: () => `${shellWord(server.cliPath ?? 'redis-cli')} -s ${shellWord(socket.path)}`,
    dispose: socket.dispose,
  };
}

async function planDocker(
  server: RedisServer & { kind: 'docker' },
  options: LaunchOptions,
): Promise<Launch> {
  const { dockerPath: command, image } = server;
  // Derived from the directory: a container that a killed parent left is found and replaced.
  const digest = createHash('sha256').update(options.dataDir).digest('hex');
  const container = `slotkeeper-${digest.slice(0, 12)}`;
  const { env } = options;
  await runCommand(command, ['rm', '--force', container], { env });
  const { uid, gid } = userInfo();
  const settings = { ...baseSettings(options.persistence), ...options.settings };
  const run = ['run', '--rm', '--name', container, '--publish', '127.0.0.1::6379'];
  run.push('--volume', `${options.dataDir}:/data`, '--workdir', '/data');
  if (uid >= 0) run.push('--user', `${uid}:${gid}`);
  return {
    command,
    args: [...run, image, 'redis-server', ...asArguments(settings)],
    address: async () => {
      const published = await runCommand(command, ['port', container, '6379/tcp'], { env });
      const port = /:(\d+)\s*$/m.exec(published.stdout)?.[1];
      return port === undefined
        ? undefined
        : { kind: 'tcp', host: '127.0.0.1', port: Number.parseInt(port, 10) };
    },
    cliCommand: () => `${shellWord(command)} exec -it ${container} redis-cli`,
    dispose: async () => {
      await runCommand(command, ['rm', '--force', container], { env });
    },
  };
}

function baseSettings(persistence: LaunchOptions['persistence']): Readonly<Record<string, string>> {
  return {
    daemonize: 'no',
    save: '',
    appendonly: persistence === 'append-only' ? 'yes' : 'no',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
  };
}

function asArguments(settings: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Where the socket lies: in the data directory, or under a short path that a link there names. */
async function placeSocket(
  dataDir: string,
): Promise<{ readonly path: string; readonly dispose: () => Promise<void> }> {
  const wanted = join(dataDir, 'redis.sock');
  await rm(wanted, { force: true });
  if (Buffer.byteLength(wanted) <= LONGEST_SOCKET_PATH) {
    return { path: wanted, dispose: () => rm(wanted, { force: true }) };
  }
  const directory = await mkdtemp(join(tmpdir(), 'slotkeeper-'));
  const path = join(directory, 'redis.sock');
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
    await rm(directory, { recursive: true });
    throw new AppError(
      'config_invalid',
      `No room for Redis's socket: ${wanted} and ${path} are longer than the system's ` +
        `${LONGEST_SOCKET_PATH} bytes. Set SLOTKEEPER_DATA_DIR to a shorter path.`,
    );
  }
  await symlink(path, wanted);
  return {
    path,
    dispose: async () => {
      await rm(directory, { recursive: true, force: true });
      await rm(wanted, { force: true });
    },
  };
}

/**
 * On Linux the kernel ends the server when its parent dies, kill -9 included. Elsewhere the
 * directory lock lets the next start find and end it.
 */
async function tieToParent(
  server: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly command: string; readonly args: readonly string[] }> {
  const [command = '', ...args] = server;
  const setpriv = await findExecutable('setpriv', env);
  const tie = ['--pdeathsig', 'TERM'];
  // Busybox has a setpriv without this option.
  const works = setpriv !== undefined && (await runCommand(setpriv, [...tie, 'true'], { env })).ok;
  if (!works) return { command, args };
  // A parent that died before the signal was set would never trigger it: hence the comparison.
  const check = 'test "$PPID" = "$1" && shift && exec "$@"';
  const parent = String(process.pid);
  return { command: setpriv, args: [...tie, 'sh', '-c', check, 'sh', parent, ...server] };
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
