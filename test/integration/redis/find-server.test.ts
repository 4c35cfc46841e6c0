// @module-tag redis_required
// Where the Redis server comes from, in which order, and what is said when there is none. Programs
// of the system are played by small scripts on a PATH of the test's own.
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { connectRedis } from '../../../src/redis/connection.ts';
import { startEmbeddedRedis } from '../../../src/redis/embedded.ts';
import { findRedisServer } from '../../../src/redis/find-server.ts';
import { identifyProcess } from '../../../src/redis/process-identity.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

interface Machine {
  readonly env: NodeJS.ProcessEnv;
  readonly bin: string;
  readonly cache: string;
}

/** A machine with these programs on PATH, beside the usual small ones. */
async function aMachine(programs: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const home = await temporaryDirectory();
  const bin = join(home, 'bin');
  await mkdir(bin);
  await addPrograms(bin, programs);
  return { env: { PATH: bin, HOME: home }, bin, cache: join(home, '.cache', 'slotkeeper') };
}

async function addPrograms(bin: string, programs: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
}

const says = (version: string): string => `echo "Redis server v=${version} sha=0"`;

/** Like apt and dpkg as far as we call them; `lists` fails until the lists have been read. */
function debian(lists: 'current' | 'missing', version = '7.2.1'): Readonly<Record<string, string>> {
  const server = `#!/bin/sh\n${says(version)}`;
  return {
    'apt-cache': 'printf "redis-tools\\n  Depends: libone\\n  Depends: libtwo\\n  Depends: sh\\n"',
    'dpkg-query': 'printf "ii |libone\\n"',
    'apt-get': `
      case "$*" in
        *update*) exit 0 ;;
        *Dir::State*download*) : ;;
        *download*) test ${lists} = current || { echo "E: no lists" >&2; exit 100; } ;;
      esac
      echo "$*" > asked
      touch redis-server_5%3a${version}-1_all.deb redis-tools_5%3a${version}-1_all.deb`,
    dpkg: `mkdir -p "$3/usr/bin" "$3/usr/lib/x-linux-gnu"
      printf '%s\\n' '${server}' 'echo "$LD_LIBRARY_PATH" >&2' > "$3/usr/bin/redis-server"
      cp "$3/usr/bin/redis-server" "$3/usr/bin/redis-cli"
      chmod +x "$3"/usr/bin/*
      cp "\${2%/*}/asked" "$3/asked"`,
  };
}

describe('the server', () => {
  it('is the one on PATH, with the redis-cli beside it', async () => {
    const { env, bin } = await aMachine({ 'redis-server': says('7.0.1'), 'redis-cli': '' });

    const server = await findRedisServer({ env });

    expect(server).toEqual({
      kind: 'binary',
      serverPath: join(bin, 'redis-server'),
      cliPath: join(bin, 'redis-cli'),
      version: '7.0.1',
    });
  });

  it('may be a Valkey', async () => {
    const { env } = await aMachine({ 'valkey-server': 'echo "Valkey server v=8.1.0 sha=0"' });

    const server = await findRedisServer({ env });

    expect(server).toMatchObject({ kind: 'binary', version: '8.1.0', cliPath: undefined });
  });

  it('is passed over when it is too old, or does not run', async () => {
    const { env } = await aMachine({
      'redis-server': says('6.0.16'),
      'valkey-server': 'echo "no such library" >&2; exit 127',
    });

    const search = findRedisServer({ env });

    await expect(search).rejects.toThrow(/redis-server: version 6\.0\.16, but 7\.0 or newer/);
    await expect(search).rejects.toThrow(/valkey-server: does not run \(no such library\)/);
  });

  it('is unpacked from the packages of the system where PATH has none, once', async () => {
    const { env, bin, cache } = await aMachine(debian('current'));
    const lines: string[] = [];

    const first = await findRedisServer({ env, onProgress: (line) => lines.push(line) });
    await addPrograms(bin, { 'apt-get': 'exit 1' });
    const second = await findRedisServer({ env });

    expect(first).toMatchObject({ serverPath: join(cache, 'redis-7.2.1/bin/redis-server') });
    expect(second).toEqual(first);
    expect(lines).toHaveLength(1);
    expect(await readdir(cache)).toEqual(['redis-7.2.1']);
  });

  it('reads package lists of its own where the system has none', async () => {
    const { env } = await aMachine(debian('missing'));

    const server = await findRedisServer({ env });

    expect(server).toMatchObject({ kind: 'binary', version: '7.2.1' });
  });

  it('is brought once by many starters at the same time', async () => {
    const { env, cache } = await aMachine(debian('current'));

    const found = await Promise.all(Array.from({ length: 5 }, () => findRedisServer({ env })));

    expect(new Set(found.map((server) => JSON.stringify(server))).size).toBe(1);
    expect(await readdir(cache)).toEqual(['redis-7.2.1']);
  });

  it('is brought again when the cached one is damaged', async () => {
    const { env, cache } = await aMachine(debian('current'));
    await findRedisServer({ env });
    await writeFile(join(cache, 'redis-7.2.1/root/usr/bin/redis-server'), '#!/bin/sh\nexit 1');

    const server = await findRedisServer({ env });

    expect(server).toMatchObject({ kind: 'binary', version: '7.2.1' });
  });

  it('is missing with a list of what was tried and what to do', async () => {
    const { env } = await aMachine();

    const search = findRedisServer({ env });

    await expect(search).rejects.toMatchObject({ code: 'store_unavailable' });
    for (const words of [
      'redis-server and valkey-server on PATH: not there',
      "Debian's packages, unpacked without root: no apt-get and dpkg here",
      'Docker: no docker on PATH',
      'sudo apt-get install redis-server',
      'brew install redis',
      'REDIS_URL=redis://host:6379 npm start',
    ]) {
      await expect(search).rejects.toThrow(words);
    }
  });

  it('is not a Docker whose engine does not answer', async () => {
    const { env } = await aMachine({ docker: 'echo "Is the docker daemon running?" >&2; exit 1' });

    const search = findRedisServer({ env });

    await expect(search).rejects.toThrow('Docker: Is the docker daemon running?');
  });
});

describe('a server in a container', () => {
  /** Runs the local server in the place of the container, on the port that it was told to find. */
  async function dockerOf(serverPath: string): Promise<Machine> {
    const machine = await aMachine();
    await addPrograms(machine.bin, {
      docker: `
        case "$1" in
          version) echo 27.0 ;;
          rm) kill "$(cat "${machine.bin}/pid")" 2>/dev/null ;;
          port) echo "127.0.0.1:$(cat "${machine.bin}/port")" ;;
          run)
            while [ "$1" != redis-server ]; do
              case "$1" in *:/data) data="\${1%:/data}" ;; esac
              shift
            done
            shift; cd "$data"; echo $$ > "${machine.bin}/pid"
            port=$(( 20000 + $$ % 30000 )); echo $port > "${machine.bin}/port"
            exec "${serverPath}" "$@" --port $port --bind 127.0.0.1 ;;
        esac`,
    });
    return machine;
  }

  it('is started on a port of loopback, keeps its data in the directory, and ends', async () => {
    const local = inject('redisServer');
    if (local.kind !== 'binary') throw new Error('this test needs a server program');
    const { env, bin } = await dockerOf(local.serverPath);
    const dataDir = await temporaryDirectory();

    const redis = await startEmbeddedRedis({ dataDir, env });
    const client = await connectRedis(redis.url, { timeoutMs: 10_000, name: 'test' });
    await client.set('kept', 'yes');
    const { pid, url, cliCommand, socketPath } = redis;
    client.disconnect();
    await redis.stop();

    expect(url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
    expect(socketPath).toBeUndefined();
    expect(cliCommand).toMatch(new RegExp(`^${bin}/docker exec -it slotkeeper-\\w{12} redis-cli$`));
    expect(await readdir(dataDir)).toContain('appendonlydir');
    await eventually(async () => expect(await identifyProcess(pid ?? 0)).toBeUndefined());
  });
});
