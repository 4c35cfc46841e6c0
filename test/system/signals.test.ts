// @module-tag redis_required
// The signals of a real process: a hang-up reads the configuration again, a termination lets a
// stream end and exits with 0.
import { writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSimulator } from '../../src/sim/server.ts';
import { aFile } from '../support/live-daemon.ts';
import { startDaemonProcess } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const store = useRedis();

async function startFromFile() {
  const sim = await startSimulator({ behaviour: { tokens: 20, chunkDelayMs: 30 } });
  onTestFinished(() => sim.stop());
  const cell = store.cell();
  const cwd = await temporaryDirectory();
  const path = `${cwd}/slotkeeper.config.yaml`;
  await writeFile(path, JSON.stringify(aFile(sim.url, store, cell)));
  return { daemon: await startDaemonProcess({ cwd }), path, cell };
}

describe('SIGHUP', () => {
  it('makes the daemon read its configuration, and a faulty one changes nothing', async () => {
    const { daemon, path } = await startFromFile();

    daemon.kill('SIGHUP');

    await daemon.waitFor(/the configuration has not changed/);
    await writeFile(path, 'pools: {}\nscheduler: {cell: other}\n');
    daemon.kill('SIGHUP');
    await daemon.waitFor(/stays as it was.*scheduler\.cell/);
    expect((await fetch(`${daemon.url}/readyz`)).status).toBe(200);
    await daemon[Symbol.asyncDispose]();
  });
});

describe('SIGTERM', () => {
  it('lets a stream end within the grace, gives every slot back, and exits with 0', async () => {
    const { daemon, cell } = await startFromFile();
    const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4', stream: true, messages: [] }),
    });

    daemon.kill('SIGTERM');
    const text = await answer.text();
    const { code } = await daemon.ended;

    expect(text).toContain('data: [DONE]');
    expect(code).toBe(0);
    expect(await store.redis.get(`concurrency:{${cell}}:openai:gpt-4`)).toBe('0');
  });
});
