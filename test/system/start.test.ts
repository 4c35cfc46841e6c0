// @module-tag redis_required
// The daemon as a user meets it: what it prints, how it ends, and what it says when it cannot start.
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { isAlive, startBuilt, startDaemonProcess, startProcess } from '../support/process.ts';
import type { RunningDaemon, RunningProcess } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** The demonstration in a directory of its own. */
async function startDemo(env: Readonly<Record<string, string>> = {}): Promise<RunningDaemon> {
  const cwd = await temporaryDirectory();
  return await startDaemonProcess({ cwd, env });
}

async function startAndFail(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const cwd = await temporaryDirectory();
  for (const [name, text] of Object.entries(files)) await writeFile(`${cwd}/${name}`, text);
  await using failing = startBuilt('main.js', args, { cwd, env: { SLOTKEEPER_PORT: '0', ...env } });
  const { code } = await failing.ended;
  return { code, stderr: failing.stderr() };
}

async function ask(url: string, body: object = {}): Promise<Response> {
  return await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-4',
      messages: [{ role: 'user', content: 'Hello' }],
      ...body,
    }),
  });
}

/** Runs the line of the banner that reads a counter. */
async function readCounter(daemon: RunningProcess): Promise<string> {
  const [, line = ''] = await daemon.waitFor(/^ {2}counter {2}(.*)$/m);
  const shell = startProcess('sh', ['-c', line]);
  await shell.ended;
  return shell.stdout().trim();
}

async function redisPidOf(daemon: RunningProcess): Promise<number> {
  const [, cli = ''] = await daemon.waitFor(/^ {2}counter {2}(.*) GET .*$/m);
  const shell = startProcess('sh', ['-c', `${cli} INFO server`]);
  await shell.ended;
  return Number(/process_id:(\d+)/.exec(shell.stdout())?.[1]);
}

describe('the daemon without a configuration', () => {
  it('serves a demonstration and prints lines that work when they are pasted', async () => {
    await using daemon = await startDemo();

    const [, curl = ''] = await daemon.waitFor(/^ {2}curl {5}(curl .*)$/m);
    const shell = startProcess('sh', ['-c', curl]);
    await shell.ended;

    expect(JSON.parse(shell.stdout())).toMatchObject({ object: 'chat.completion' });
    await daemon.waitFor(/new OpenAI\(\{ baseURL: 'http:\/\/127\.0\.0\.1:\d+\/v1'/);
    await eventually(async () => expect(await readCounter(daemon)).toBe('0'));
  });

  it('counts a running request where the banner says', async () => {
    await using daemon = await startDemo();
    expect(await readCounter(daemon)).toBe('0');

    const pending = ask(daemon.url, {
      messages: [{ role: 'user', content: 'Hello [sim latency=1500]' }],
    });

    await eventually(async () => expect(await readCounter(daemon)).toBe('1'));
    expect((await pending).status).toBe(200);
    await eventually(async () => expect(await readCounter(daemon)).toBe('0'));
  });

  it('writes nothing but JSON lines to stdout', async () => {
    const daemon = await startDemo();
    await ask(daemon.url);
    daemon.kill('SIGTERM');
    await daemon.ended;

    const lines = daemon.stdout().trim().split('\n');

    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
  });
});

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s drains, ends Redis too, and exits 0',
    async (name) => {
      const daemon = await startDemo();
      const redisPid = await redisPidOf(daemon);
      const pending = ask(daemon.url, {
        messages: [{ role: 'user', content: 'Hello [sim latency=700]' }],
      });
      await eventually(async () => expect(await readCounter(daemon)).toBe('1'));

      daemon.kill(name);
      const { code } = await daemon.ended;

      expect((await pending).status).toBe(200);
      expect(code).toBe(0);
      expect(await isAlive(redisPid)).toBe(false);
    },
  );

  it('that comes a second time ends everything at once with 130', async () => {
    const daemon = await startDemo();
    const redisPid = await redisPidOf(daemon);
    const pending = ask(daemon.url, {
      messages: [{ role: 'user', content: 'Hello [sim fault=hang]' }],
    }).catch(() => 'cut');
    await eventually(async () => expect(await readCounter(daemon)).toBe('1'));

    daemon.kill('SIGINT');
    await daemon.waitFor(/Draining/);
    // What comes at once is the same Ctrl-C, passed on by npm: only a later one forces.
    daemon.kill('SIGINT');
    await setTimeout(400);
    const wasDraining = await isAlive(daemon.pid);
    daemon.kill('SIGINT');
    const { code } = await daemon.ended;

    expect(wasDraining).toBe(true);
    expect(code).toBe(130);
    expect(await pending).toBe('cut');
    await eventually(async () => expect(await isAlive(redisPid)).toBe(false));
  });

  it.runIf(process.platform === 'linux')('of kill -9 leaves no Redis behind', async () => {
    const daemon = await startDemo();
    const redisPid = await redisPidOf(daemon);

    daemon.kill('SIGKILL');
    await daemon.ended;

    await eventually(async () => expect(await isAlive(redisPid)).toBe(false));
  });
});

describe('the data directory', () => {
  it('survives a kill -9 and a second start, which is quick', async () => {
    const dataDir = await temporaryDirectory();
    const env = { SLOTKEEPER_DATA_DIR: dataDir };
    const first = await startDemo(env);
    await (await ask(first.url)).text();
    const [, cli = ''] = await first.waitFor(/^ {2}counter {2}(.*) GET .*$/m);
    await startProcess('sh', ['-c', `${cli} SET kept yes`]).ended;
    first.kill('SIGKILL');
    await first.ended;

    const startedAt = performance.now();
    await using second = await startDemo(env);
    const startMs = performance.now() - startedAt;

    const shell = startProcess('sh', ['-c', `${cli} GET kept`]);
    await shell.ended;
    expect(shell.stdout().trim()).toBe('yes');
    expect((await ask(second.url)).status).toBe(200);
    expect(startMs).toBeLessThan(5000);
  });

  it('is refused to a second daemon, with one message and exit 1', async () => {
    const dataDir = await temporaryDirectory();
    await using first = await startDemo({ SLOTKEEPER_DATA_DIR: dataDir });

    const second = await startAndFail({ SLOTKEEPER_DATA_DIR: dataDir });

    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`Another Slotkeeper (pid ${first.pid})`);
    expect(second.stderr).not.toMatch(STACK);
    expect((await ask(first.url)).status).toBe(200);
  });
});

const STACK = /^\s+at .*:\d+/m;

describe('a start that cannot succeed', () => {
  const evicting = useRedis({ settings: { 'maxmemory-policy': 'allkeys-lru' } });

  it('because of its port says which, and leaves no Redis', async () => {
    const taken = await listenAnywhere();
    const { port } = taken.address() as AddressInfo;

    const { code, stderr } = await startAndFail({ SLOTKEEPER_PORT: String(port) });

    taken.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`127.0.0.1:${port} is in use: stop the program that listens there`);
    expect(stderr).not.toMatch(STACK);
  });

  it('because of its configuration lists every fault and exits 2', async () => {
    const file = 'server: { port: -1 }\npools: { p: { accounts: [{ name: a }] } }\n';

    const { code, stderr } = await startAndFail({ SLOTKEEPER_PORT: '' }, [], {
      'slotkeeper.config.yaml': file,
    });

    expect(code).toBe(2);
    expect(stderr).toMatch(/slotkeeper\.config\.yaml has 4 faults:\n( {2}- \S+: .*\n){4}$/);
  });

  it('because the file that was asked for is not there says so and exits 2', async () => {
    const { code, stderr } = await startAndFail({}, ['--config', 'nowhere.yaml']);

    expect(code).toBe(2);
    expect(stderr).toContain('nowhere.yaml cannot be read (ENOENT)');
  });

  it('because of an unknown argument shows the usage and exits 2', async () => {
    const { code, stderr } = await startAndFail({}, ['--prot', '1']);

    expect(code).toBe(2);
    expect(stderr).toContain('Usage: npm start');
  });

  it('because its Redis is not there names it without the password and exits 1', async () => {
    const { code, stderr } = await startAndFail({ REDIS_URL: 'redis://:secret@127.0.0.1:1' });

    expect(code).toBe(1);
    expect(stderr).toContain('Redis at 127.0.0.1:1 cannot be used');
    expect(stderr).not.toContain('secret');
    expect(stderr).not.toMatch(STACK);
  });

  it('because its Redis evicts says how to change that and exits 2', async () => {
    const { code, stderr } = await startAndFail({ REDIS_URL: evicting.url });

    expect(code).toBe(2);
    expect(stderr).toContain('CONFIG SET maxmemory-policy noeviction');
    expect(stderr).not.toMatch(STACK);
  });
});

async function listenAnywhere(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
