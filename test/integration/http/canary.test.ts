// @module-tag redis_required
// The canary over HTTP: asked for, followed and read, by whoever has the admin's token.
import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, startAdmin } from '../../support/admin-api.ts';
import { CanaryBench } from '../../support/canary-bench.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();

async function start() {
  const cell = store.cell();
  const bench = new CanaryBench(store.redis, cell);
  await bench.elect('a', 1);
  const { canary } = bench.canary('a', 1);
  const api = await startAdmin(store, { cell, canary: bench.store });
  const ask = (method: string, path: string, body?: unknown, token = ADMIN_TOKEN) =>
    api.call(method, `/costsim/canary${path}`, body, { authorization: `Bearer ${token}` });
  return { bench, canary, ask };
}

describe('a run', () => {
  it('is asked for, followed, and read as a report', async () => {
    const { canary, ask } = await start();

    const asked = await ask('POST', '/runs', { by: 'ann' });
    const run = String(asked.body['run']);
    const before = await ask('GET', `/runs/${run}`);
    await canary.look();
    const after = await ask('GET', `/runs/${run}`);
    const report = await ask('GET', `/reports/${run}`);
    const list = await ask('GET', '/reports?most=5');

    expect([asked.status, before.status, after.status]).toEqual([202, 200, 200]);
    expect([asked.body, before.body, after.body]).toEqual([
      { run, state: 'asked' },
      { run, state: 'asked' },
      { run, state: 'reported' },
    ]);
    expect(report.body).toMatchObject({ id: run, by: 'ann', verdict: 'passed' });
    expect(list.body).toEqual({ reports: [report.body] });
  });

  it('says that it runs while its leader is at it', async () => {
    const { bench, ask } = await start();
    const { run } = await bench.store.ask('ann');
    await bench.store.begin({ holder: 'a', term: 1 }, false);

    const { body } = await ask('GET', `/runs/${run}`);

    expect(body).toEqual({ run, state: 'running' });
  });
});

describe('what is refused', () => {
  it.each([
    ['a report that is not there', 'GET', '/reports/17', 404],
    ['a run that nobody has asked for', 'GET', '/runs/17', 404],
    ['a name that is none', 'GET', '/reports/..%2Fx', 400],
    ['a name with letters', 'GET', '/runs/abc', 400],
    ['a number of reports that is none', 'GET', '/reports?most=0', 400],
    ['another method', 'DELETE', '/reports', 405],
  ])('is %s', async (_, method, path, status) => {
    const { ask } = await start();

    expect((await ask(method, path)).status).toBe(status);
  });

  it('is a body that says too much, and a caller without the admin’s token', async () => {
    const { ask, bench } = await start();

    const answers = [
      await ask('POST', '/runs', { by: 'two\nlines' }),
      await ask('POST', '/runs', { by: 'ann', force: true }),
      await ask('POST', '/runs', {}, 'wrong-token-0123456789'),
      await ask('GET', '/reports', undefined, 'wrong-token-0123456789'),
    ];

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 401, 401]);
    expect((await bench.store.state()).asked).toBeUndefined();
  });
});
