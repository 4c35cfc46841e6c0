// @module-tag redis_required
// `slotkeeper switch` and `slotkeeper rollout` as an operator types them, against a running daemon.
import { expect, it } from 'vitest';
import { ADMIN_TOKEN } from '../support/admin-api.ts';
import { startLive, type LiveDaemon } from '../support/live-daemon.ts';
import { startBuilt } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

async function run(daemon: LiveDaemon, ...args: readonly string[]) {
  const env = { SLOTKEEPER_URL: daemon.url, SLOTKEEPER_ADMIN_TOKEN: ADMIN_TOKEN };
  await using command = startBuilt('cli/main.js', args, { env });
  const { code } = await command.ended;
  return { code, text: command.stdout() + command.stderr() };
}

it('a pool is switched, and shown as it is', async () => {
  const daemon = await startLive(store);

  const changed = await run(daemon, 'switch', 'openai', 'observe', '--percent', '10');
  const shown = await run(daemon, 'switch');
  const wrong = await run(daemon, 'switch', 'openai', 'sideways');

  expect(changed).toMatchObject({ code: 0 });
  expect(shown.text).toMatch(/openai +observe +10 +20/);
  expect(wrong.code).toBe(1);
  expect(wrong.text).toContain('scheduling');
});

it('the arms of a rollout are shown side by side, and one is taken back', async () => {
  const daemon = await startLive(store, {
    first: (file) => {
      const arms = { base: { percent: 90 }, canary: { percent: 10, selection: 'fastest' } };
      file['rollouts'] = { quick: { what: 'selection', arms } };
    },
  });

  const list = await run(daemon, 'rollout', 'show');
  const taken = await run(daemon, 'rollout', 'set', 'quick', 'canary=0');
  const shown = await run(daemon, 'rollout', 'show', 'quick');
  const wrong = await run(daemon, 'rollout', 'set', 'quick', 'canary');

  expect(list.text).toContain('base=90 canary=10');
  expect(taken.code).toBe(0);
  expect(shown.text).toMatch(/arm +percent +requests +errors +first byte p50 +p95 +cost/);
  expect(shown.text).toMatch(/base +100 [^]*canary +0 /);
  expect(wrong.code).not.toBe(0);
});
