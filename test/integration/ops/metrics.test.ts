// @module-tag redis_required
// What a loaded daemon tells Prometheus, judged by Prometheus' own linter.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { debianTool } from '../../support/debian-tools.ts';
import { chat, startDemo } from '../../support/demo-daemon.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const promtool = await debianTool('promtool');

/** What promtool has to say about it; empty for nothing. */
async function complaintsOf(metrics: string): Promise<string> {
  const child = spawn(promtool ?? '', ['check', 'metrics']);
  child.stdin.end(metrics);
  const said = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return (await said).slice(0, 2).join('');
}

describe.skipIf(promtool === undefined)('the metrics of a daemon that has served', () => {
  it('are clean to promtool', async () => {
    const daemon = await startDemo(store);
    const answers = await Promise.all(Array.from({ length: 60 }, () => chat(daemon.url)));
    await Promise.all([
      chat(daemon.url, { model: 'unknown' }),
      ...answers.map((one) => one.text()),
    ]);

    const metrics = await daemon.metrics();

    expect(metrics).toMatch(/^slotkeeper_requests_total\{.*status="2xx"\} 60$/m);
    expect(metrics).toMatch(/^slotkeeper_store_memory_used_bytes [1-9]\d+$/m);
    expect(await complaintsOf(metrics)).toBe('');
  });
});
