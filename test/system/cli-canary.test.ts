// @module-tag redis_required
// `slotkeeper costsim canary`, as an operator types it: what it prints and how it ends.
import { describe, expect, it, onTestFinished } from 'vitest';
import { ADMIN_TOKEN, startAdmin } from '../support/admin-api.ts';
import { CanaryBench } from '../support/canary-bench.ts';
import { startBuilt } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

async function start() {
  const cell = store.cell();
  const bench = new CanaryBench(store.redis, cell);
  await bench.elect('a', 1);
  const { canary } = bench.canary('a', 1);
  await canary.start();
  onTestFinished(() => canary.stop());
  const { url } = await startAdmin(store, { cell, canary: bench.store });
  const env = { SLOTKEEPER_URL: url, SLOTKEEPER_ADMIN_TOKEN: ADMIN_TOKEN };
  const type = async (...words: readonly string[]) => {
    const command = startBuilt('cli/main.js', ['costsim', 'canary', ...words], { env });
    const { code } = await command.ended;
    return { code, out: command.stdout(), err: command.stderr() };
  };
  return { bench, canary, type };
}

describe('slotkeeper costsim canary', () => {
  it('runs, prints its report and exits by its verdict; reports are listed and shown', async () => {
    const { bench, type } = await start();

    const passed = await type('run', '--by', 'ann');
    bench.fail();
    const failed = await type('run');
    bench.records = [];
    const inconclusive = await type('run', '--json');
    const list = await type('reports');
    const id = /^Run (\d+)/.exec(failed.out)?.[1] ?? '';
    const shown = await type('show', id);

    expect([passed.code, failed.code, inconclusive.code]).toEqual([0, 1, 3]);
    expect(passed.out).toMatch(/^Run \d+ by ann, .*: passed\n\n20 compared of 20 records/);
    expect(passed.out).toMatch(/\n\* +20 +30\.0 % +30\.0 % +0\.0 % +0\.0 %\n/);
    expect(failed.out).toContain('the p95 drift of v2 is 50.0 %: more than 20.0 %');
    expect(JSON.parse(inconclusive.out)).toMatchObject({ verdict: 'inconclusive', by: 'admin' });
    expect(list.out.match(/passed|failed|inconclusive/g)).toEqual([
      ...['inconclusive', 'failed', 'passed'],
    ]);
    expect(shown.out).toBe(failed.out);
  });

  it('says why there is no report: nobody leads, or there is no such one', async () => {
    const { canary, type } = await start();
    await canary.stop();

    const late = await type('run', '--wait-seconds', '1');
    const missing = await type('show', '17');
    const none = await type('reports');

    expect([late.code, missing.code, none.code]).toEqual([1, 1, 0]);
    expect(late.err).toContain('no leader has begun it yet');
    expect(missing.err).toContain('404');
    expect(none.out).toBe('No canary has run yet.\n');
  });
});
