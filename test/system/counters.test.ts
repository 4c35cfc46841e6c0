// @module-tag redis_required
// The field's own check, in a shell: concurrent requests by curl, and counters read by redis-cli.
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startDaemonProcess, startProcess } from '../support/process.ts';
import type { RunningProcess } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const REQUESTS = 100;

async function shell(line: string): Promise<string> {
  const process = startProcess('sh', ['-c', line]);
  await process.ended;
  return process.stdout().trim();
}

/** So many curls at once against the demonstration; the statuses that they print. */
async function curls(url: string, content: string): Promise<readonly string[]> {
  const body = JSON.stringify({ model: 'gpt-4', messages: [{ role: 'user', content }] });
  const curl =
    `curl -s -o /dev/null -w '%{http_code}\\n' -X POST ${url}/v1/chat/completions ` +
    `-H 'content-type: application/json' -d '${body}'`;
  const printed = await shell(
    `i=0; while [ $i -lt ${REQUESTS} ]; do ${curl} & i=$((i+1)); done; wait`,
  );
  return printed.split('\n');
}

/** The redis-cli line of the banner, without its command. */
async function redisCli(daemon: RunningProcess): Promise<string> {
  const [, cli = ''] = await daemon.waitFor(/^ {2}counter {2}(.*) GET .*$/m);
  return cli;
}

describe('the counter of gpt-4', () => {
  it('reads 0 before first use, more while 100 curls run, and 0 after their 100 answers', async () => {
    const cwd = await temporaryDirectory();
    await using daemon = await startDaemonProcess({ cwd, env: { SLOTKEEPER_LOG_LEVEL: 'error' } });
    const read = `${await redisCli(daemon)} GET concurrency:openai:gpt-4`;
    const before = await shell(read);

    const answered = curls(daemon.url, 'Hello [sim latency=2000]');
    await eventually(async () => expect(Number(await shell(read))).toBeGreaterThan(0));
    const statuses = await answered;

    expect(before).toBe('0');
    expect(statuses).toEqual(Array.from({ length: REQUESTS }, () => '200'));
    await eventually(async () => expect(await shell(read)).toBe('0'));
  });

  it('reads 0 after 100 curls that follow one another as fast as they can', async () => {
    const cwd = await temporaryDirectory();
    await using daemon = await startDaemonProcess({ cwd, env: { SLOTKEEPER_LOG_LEVEL: 'error' } });
    const cli = await redisCli(daemon);

    const statuses = await curls(daemon.url, 'Hello');

    expect(statuses).toEqual(Array.from({ length: REQUESTS }, () => '200'));
    await eventually(async () => {
      expect(await shell(`${cli} GET concurrency:openai:gpt-4`)).toBe('0');
      const accounts = await shell(`${cli} HGETALL 'slotkeeper:{main}:inflight'`);
      expect(accounts.split('\n').sort()).toEqual(
        ['_', 'sim-100', 'sim-2', 'sim-20', 'sim-5', '0', '0', '0', '0', '0'].sort(),
      );
    });
  });
});
