// The link that can fail, and the modules that put a daemon's time out of joint: each does what the
// fault harness believes it does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RedisProxy } from '../support/redis-proxy.ts';

/** A server that repeats what it hears, a link to it, and a client at the link's other end. */
async function aLink() {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const link = await RedisProxy.start(`http://127.0.0.1:${port}`);
  onTestFinished(async () => {
    await link[Symbol.asyncDispose]();
    server.close();
  });
  return { link, client: await aClient(link) };
}

async function aClient(link: RedisProxy): Promise<Socket> {
  const client = connect(link.port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  await once(client, 'connect');
  return client;
}

async function said(client: Socket, word: string): Promise<string> {
  client.write(word);
  const [answer] = (await once(client, 'data')) as [Buffer];
  return answer.toString();
}

describe('a link that fails', () => {
  it('loses a reply with its connection, once', async () => {
    const { link, client } = await aLink();
    await said(client, 'before');

    link.breakReply('lost');
    client.write('hello');
    await once(client, 'close');
    const answer = await said(await aClient(link), 'after');

    expect(client.bytesRead).toBe('before'.length);
    expect(answer).toBe('after');
    expect(link.brokenReplies).toBe(1);
  });

  it('tears a reply in its middle', async () => {
    const { link, client } = await aLink();
    await said(client, 'before');

    link.breakReply('torn');
    const answer = await said(client, 'abcdef');
    await once(client, 'close');

    expect(answer).toBe('abc');
  });

  it('swallows what it is told to, and counts it', async () => {
    const { link, client } = await aLink();
    await said(client, 'before');

    link.set('hole');
    client.write('lost');
    const other = await aClient(link);
    link.set('open');
    await once(client, 'close');
    await once(other, 'close');

    expect(link.lost).toEqual({ toServer: 'lost'.length, toClient: 0 });
  });

  it('delays each way', async () => {
    const { link, client } = await aLink();
    await said(client, 'before');
    link.delayMs = 50;
    const startedAt = performance.now();

    const answer = await said(client, 'late');

    expect(answer).toBe('late');
    expect(performance.now() - startedAt).toBeGreaterThan(95);
  });

  it('keeps the order of what it delays, whatever becomes of the delay', async () => {
    const { link, client } = await aLink();
    const words = Array.from({ length: 200 }, (_, i) => `${i},`);
    let heard = '';
    client.on('data', (bytes) => (heard += bytes.toString()));

    for (const [i, word] of words.entries()) {
      link.delayMs = i < 150 ? 20 - (i % 7) : 0;
      client.write(word);
      await setImmediate();
    }
    while (heard.length < words.join('').length) await once(client, 'data');

    expect(heard).toBe(words.join(''));
  });

  it('resets connections', async () => {
    const { link, client } = await aLink();
    await said(client, 'before');

    link.reset();
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];

    expect(error.code).toBe('ECONNRESET');
  });
});

/** A program behind a preload, and the line that it prints after its SIGUSR2. */
async function aProgramBehind(module: string, ms: number, program: string) {
  const preload = resolve(import.meta.dirname, '../chaos/preload', module);
  const child = spawn(process.execPath, ['--import', preload, '-e', program], {
    env: { CHAOS_MS: String(ms) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const heard = async (): Promise<number> => {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return Number(line.toString());
  };
  return { child, heard };
}

describe('a daemon whose time is out of joint', () => {
  it('has its wall clock off after the first signal, and right after the second', async () => {
    const program = `process.on('SIGUSR2', () => console.log(new Date().getTime()));
      setInterval(() => {}, 1000); console.log(Date.now());`;
    const { child, heard } = await aProgramBehind('clock.mjs', 3_600_000, program);

    const before = await heard();
    child.kill('SIGUSR2');
    const off = await heard();
    child.kill('SIGUSR2');
    const after = await heard();

    expect(off - before).toBeGreaterThanOrEqual(3_600_000);
    expect(after - before).toBeLessThan(60_000);
  });

  it('stands still for as long as it is told to', async () => {
    const program = `let last = performance.now(); let longest = 0;
      setInterval(() => { const now = performance.now();
        longest = Math.max(longest, now - last); last = now; }, 1);
      process.on('SIGUSR2', () => setTimeout(() => console.log(longest), 50));
      console.log(0);`;
    const { child, heard } = await aProgramBehind('block.mjs', 300, program);

    await heard();
    child.kill('SIGUSR2');
    const longest = await heard();

    expect(longest).toBeGreaterThan(250);
  });
});
