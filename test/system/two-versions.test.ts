// @module-tag redis_required
// A rolling deploy: daemons of two versions, whose scripts differ, serve one cell on one Redis.
import { appendFile, cp, symlink, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startSimulator } from '../../src/sim/server.ts';
import { eventually } from '../support/eventually.ts';
import { aFile } from '../support/live-daemon.ts';
import { startDaemonProcess, startProcess } from '../support/process.ts';
import { startLoad } from '../support/steady-load.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const store = useRedis();
const ROOT = resolve(import.meta.dirname, '../..');

/** The built product once more, with scripts of another text. */
async function anotherVersion(): Promise<string> {
  const directory = await temporaryDirectory();
  for (const part of ['dist', 'lua', 'package.json']) {
    await cp(`${ROOT}/${part}`, `${directory}/${part}`, { recursive: true });
  }
  await symlink(`${ROOT}/node_modules`, `${directory}/node_modules`);
  await appendFile(`${directory}/lua/lib/cell.lua`, '\n-- another version\n');
  return directory;
}

async function heartLibraries(): Promise<number> {
  const listed = (await store.redis.call('function', ['list'])) as unknown[][];
  return listed.filter((facts) => /^slotkeeper_tick/.test(String(facts[1]))).length;
}

it('two versions share a cell under load, one after the other goes, and nothing is lost', async () => {
  const limits = { 'key-1': 3, 'key-2': 3 };
  const sim = await startSimulator({ limits, behaviour: { tokens: 2, chunkDelayMs: 1 } });
  onTestFinished(() => sim.stop());
  const cell = store.cell();
  const file = aFile(sim.url, store, cell);
  for (const account of file.pools['openai']!.accounts) account['maxConcurrency'] = 3;
  const cwd = await temporaryDirectory();
  await writeFile(`${cwd}/slotkeeper.config.yaml`, JSON.stringify(file));
  const old = await startDaemonProcess({ cwd });
  const other = startProcess(process.execPath, [`${await anotherVersion()}/dist/main.js`], {
    cwd,
    env: { SLOTKEEPER_PORT: '0' },
  });
  const [, url = ''] = await other.waitFor(/ is ready at (http:\/\/\S+)/, 60_000);

  const loads = [old.url, url].map((at) => startLoad(at, { clients: 12 }));
  await Promise.all(loads.map((load) => load.answered(300)));
  const both = await heartLibraries();
  const answered = await loads[0]!.stop();
  old.kill('SIGTERM');
  const { code } = await old.ended;
  await loads[1]!.answered(100);
  const rest = await loads[1]!.stop();

  expect([both, code]).toEqual([2, 0]);
  expect([...new Set([...answered.statuses, ...rest.statuses])]).toEqual([200]);
  expect(sim.snapshot()).toMatchObject({ oversold: 0 });
  await eventually(async () => {
    const counts = await store.redis.hmget(`slotkeeper:{${cell}}:inflight`, 'a1', 'a2');
    expect(counts).toEqual(['0', '0']);
  });
  await other[Symbol.asyncDispose]();
});
