// @module-tag redis_required
// `slotkeeper switch`, `rollout` and `breaker` as an operator types them, against a running daemon.
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

/** Reports failures of the one account that serves the route until it is refused. */
async function trip(daemon: LiveDaemon): Promise<void> {
  for (let status = 201; status === 201;) {
    const answer = await daemon.call('POST', '/scheduler/slots', { route: 'gpt-4' });
    ({ status } = answer);
    const { requestId, fence } = answer.body as { requestId: string; fence: number };
    if (status === 201) {
      const path = `/scheduler/slots/${requestId}`;
      await daemon.call('DELETE', path, { fence, outcome: 'failed' });
    } else expect(answer.body.error).toMatchObject({ code: 'breaker_open' });
  }
}

it('a tripped breaker is listed by its arm’s settings, and reset', async () => {
  const daemon = await startLive(store, {
    first: (file) => {
      const { openai } = file.pools;
      openai!.accounts.splice(1);
      openai!['breaker'] = { openMs: 60_000, maxOpenMs: 60_000 };
      const breaker = { consecutiveFailures: 2 };
      const arms = { base: { percent: 0 }, canary: { percent: 100, breaker } };
      file['rollouts'] = { sooner: { what: 'breaker', pool: 'openai', arms } };
    },
  });
  await trip(daemon);

  const listed = await run(daemon, 'breaker', 'list');
  const shown = await run(daemon, 'rollout', 'show', 'sooner');
  const reset = await run(daemon, 'breaker', 'reset', 'a1', 'gpt-4');
  const after = await run(daemon, 'breaker', 'list');
  const taken = await daemon.call('POST', '/scheduler/slots', { route: 'gpt-4' });
  const wrong = await run(daemon, 'breaker', 'reset', 'nobody');

  expect(listed.text).toMatch(/a1 +openai +gpt-4 +open +failed/);
  expect(shown.text).toContain('sooner: breaker of pool openai');
  expect(shown.text).toMatch(/arm +percent +accounts +trips +left +requests/);
  expect(shown.text).toMatch(/base +0 +0 +0 [^]*canary +100 +1 +1 /);
  expect(reset).toEqual({ code: 0, text: 'reset a1 for gpt-4\n' });
  expect(after.text).not.toMatch(/ open /);
  expect(taken.status).toBe(201);
  expect(wrong).toMatchObject({ code: 1 });
  expect(wrong.text).toContain('no such account');
});
