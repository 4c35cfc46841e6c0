// @module-tag redis_required
// `npm start` itself: whichever process gets the signal, the daemon and its Redis end.
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { isAlive, startProcess } from '../support/process.ts';
import type { RunningProcess } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = resolve(import.meta.dirname, '../..');

interface Started {
  readonly npm: RunningProcess;
  readonly daemonPid: number;
  readonly redisPid: number;
}

async function npmStart(): Promise<Started> {
  const npm = startProcess('npm', ['start'], {
    cwd: ROOT,
    env: {
      SLOTKEEPER_PORT: '0',
      SLOTKEEPER_DATA_DIR: await temporaryDirectory(),
      SLOTKEEPER_CONFIG: resolve(ROOT, 'ops/compose/config.yaml'),
    },
  });
  const [, cli = ''] = await npm.waitFor(/^ {2}counter {2}(.*) GET .*$/m, 60_000);
  const info = startProcess('sh', ['-c', `${cli} INFO server`]);
  await info.ended;
  const redisPid = Number(/process_id:(\d+)/.exec(info.stdout())?.[1]);
  const parent = startProcess('ps', ['-o', 'ppid=', '-p', String(redisPid)]);
  await parent.ended;
  return { npm, daemonPid: Number(parent.stdout()), redisPid };
}

async function expectGone({ daemonPid, redisPid }: Started): Promise<void> {
  await eventually(async () => {
    expect(await isAlive(daemonPid)).toBe(false);
    expect(await isAlive(redisPid)).toBe(false);
  });
}

describe('npm start', () => {
  it('drains and exits 0 on Ctrl-C, which the terminal sends to the whole group', async () => {
    const started = await npmStart();

    process.kill(-started.npm.pid, 'SIGINT');
    const { code } = await started.npm.ended;

    expect(code).toBe(0);
    await expectGone(started);
  });

  it('drains and exits 0 when npm alone is asked to end', async () => {
    const started = await npmStart();

    started.npm.kill('SIGTERM');
    const { code } = await started.npm.ended;

    expect(code).toBe(0);
    await expectGone(started);
  });

  it('ends everything when npm is killed -9', async () => {
    const started = await npmStart();

    process.kill(started.npm.pid, 'SIGKILL');

    await expectGone(started);
  });
});
