// The load command as a user runs it: against a daemon of its own and against one that runs.
// @module-tag redis_required
import { readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startBuilt, startDaemonProcess, type RunningDaemon } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const COMMAND = 'cli/main.js';

async function aDemoDaemon(): Promise<RunningDaemon & { readonly sim: string }> {
  const cwd = await temporaryDirectory();
  const daemon = await startDaemonProcess({ cwd, env: { SLOTKEEPER_LOG_LEVEL: 'error' } });
  const health = (await (await fetch(`${daemon.url}/healthz`)).json()) as { readonly sim: string };
  return { ...daemon, sim: health.sim };
}

describe('slotkeeper load', () => {
  let tmp: string;

  beforeAll(async () => {
    tmp = await temporaryDirectory();
  });

  it('starts a daemon of its own, passes, and leaves nothing behind', async () => {
    const args = ['load', '--own', '--requests', '300', '--concurrency', '150', '--abort', '0.1'];
    // Slow enough for every slot to be taken: only a full account can be oversold.
    args.push('--sim-latency', '800..1000');
    await using load = startBuilt(COMMAND, args, { env: { TMPDIR: tmp } });

    const { code } = await load.ended;

    expect(load.stdout()).toMatch(/answered 200 +\d+\n/);
    expect(load.stdout()).toMatch(/aborted on purpose +[1-9]/);
    expect(load.stdout()).toMatch(/latency p50\/p95\/p99\/max/);
    expect(load.stdout()).toMatch(/oversold +0 ✔ most at once: .*sim-key-2 2\/2/);
    expect(load.stdout()).toMatch(/rejected by the upstream +0 ✔/);
    expect(load.stdout()).toMatch(/counters left +0 ✔/);
    expect(load.stdout()).toContain('PASSED');
    expect(load.stderr()).toMatch(/300\/300/);
    expect(code).toBe(0);
    expect(await readdir(tmp)).toEqual([]);
  });

  it('keeps its table and stops its daemon when it is interrupted', async () => {
    const args = ['load', '--own', '--requests', '100000', '--sim-latency', '500'];
    await using load = startBuilt(COMMAND, args, { env: { TMPDIR: tmp } });
    const [, url = ''] = await load.waitFor(/daemon (http:\S+) \(started for this run\)/);

    load.kill('SIGINT');
    const { code } = await load.ended;

    expect(code).toBe(130);
    expect(load.stdout()).toMatch(/counters left +0 ✔/);
    expect(load.stdout()).toContain('Stopped early.');
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    expect(await readdir(tmp)).toEqual([]);
  });

  it('finds the simulator of a running daemon, and finds out when an account is oversold', async () => {
    await using daemon = await aDemoDaemon();
    const args = ['load', '--url', daemon.url, '--requests', '200', '--concurrency', '60'];
    await using honest = startBuilt(COMMAND, [...args, '--sim-latency', '20..40']);
    const passed = await honest.ended;

    // The upstream allows less than the daemon believes: what the daemon grants is now too much.
    const body = JSON.stringify({ limits: { 'sim-key-100': 3 } });
    await fetch(`${daemon.sim}/_sim/configure`, { method: 'POST', body });
    await using oversold = startBuilt(COMMAND, args);
    const failed = await oversold.ended;

    expect(honest.stdout()).toContain('PASSED');
    expect(passed.code).toBe(0);
    expect(oversold.stdout()).toMatch(/oversold +[1-9]\d* ✘ most at once: sim-key-100 \d+\/3/);
    // Most were tried elsewhere: callers need not have seen any.
    expect(oversold.stdout()).toMatch(/rejected by the upstream +[1-9]\d* ✘/);
    expect(oversold.stdout()).toMatch(/counters left +0 ✔/);
    expect(failed.code).toBe(1);
  });

  it('gives tenants their shares, from a daemon that knows them, and counts 0 at the end', async () => {
    const args = ['load', '--own', '--tenants', 'a:1,b:2,c:4', '--concurrency', '60'];
    args.push('--duration', '8', '--sim-latency', '100', '--stream', '0');
    await using load = startBuilt(COMMAND, args, { env: { TMPDIR: tmp } });

    const { code } = await load.ended;

    expect(load.stdout()).toMatch(/most at once: sim-key-2 2\/2, sim-key-6 6\/6/);
    expect(load.stdout()).toMatch(/counters left +0 ✔/);
    expect(load.stdout()).toMatch(/shares off by > 10 % +0 ✔/);
    expect(load.stdout()).toMatch(/tenant +weight +served +slot-seconds +share +entitled +ratio/);
    for (const [tenant, entitled] of [
      ['a', '14.3'],
      ['b', '28.6'],
      ['c', '57.1'],
    ] as const) {
      const row = new RegExp(`^  ${tenant} .* ${entitled} % +\\d\\.\\d+ ✔ +[1-9]\\d* / `, 'm');
      expect(load.stdout()).toMatch(row);
    }
    expect(code).toBe(0);
    expect(await readdir(tmp)).toEqual([]);
  });

  it('refuses tenants that it cannot read, and requests beside them', async () => {
    await using wrong = startBuilt(COMMAND, ['load', '--tenants', 'a:1']);
    await using both = startBuilt(COMMAND, ['load', '--tenants', 'a:1,b:1', '--requests', '5']);

    const endings = await Promise.all([wrong.ended, both.ended]);

    expect(endings.map(({ code }) => code)).toEqual([2, 2]);
    expect(wrong.stderr()).toContain('Shares need two tenants at least.');
    expect(both.stderr()).toContain('--requests');
  });

  it('says in one line that the daemon it was given does not answer', async () => {
    await using load = startBuilt(COMMAND, ['load', '--url', 'http://127.0.0.1:9']);

    const { code } = await load.ended;

    expect(code).toBe(1);
    expect(load.stderr()).toMatch(/^slotkeeper: Nothing answers at http:\/\/127\.0\.0\.1:9\..*\n$/);
  });
});

describe('slotkeeper sim', () => {
  it('prints its address and, at its end, the high-water marks', async () => {
    const args = ['sim', '--port', '0', '--limit', 'key=2', '--latency', '50', '--seed', '7'];
    await using sim = startBuilt(COMMAND, args);
    const [, url = ''] = await sim.waitFor(/(http:\/\/\S+)\/v1 +\(seed 7;/);
    const ask = () =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer key' },
        body: '{}',
      });

    const answers = await Promise.all([ask(), ask(), ask()]);
    sim.kill('SIGINT');
    const { code } = await sim.ended;

    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 429]);
    expect(sim.stdout()).toMatch(/^key +2 +3 +3 +1 +0$/m);
    expect(code).toBe(0);
  });

  it('refuses wrong options and a port in use with one message', async () => {
    await using first = startBuilt(COMMAND, ['sim', '--port', '0']);
    const [, port = ''] = await first.waitFor(/127\.0\.0\.1:(\d+)/);
    await using second = startBuilt(COMMAND, ['sim', '--port', port]);
    await using wrong = startBuilt(COMMAND, ['sim', '--limit', 'key']);

    const endings = await Promise.all([second.ended, wrong.ended]);

    expect(endings.map(({ code }) => code)).toEqual([2, 2]);
    expect(second.stderr()).toMatch(/^slotkeeper: Cannot listen on .* Choose another --port/);
    expect(wrong.stderr()).toContain('Use KEY=NUMBER, such as key-a=2.');
    await eventually(async () => {
      expect((await fetch(`http://127.0.0.1:${port}/_sim/stats`)).status).toBe(200);
    });
  });
});
