// @module-tag redis_required
// A rollout of breaker settings: accounts trip by the settings of their arm, arms are compared, and an
// arm is taken back on a running fleet.
import { describe, expect, it } from 'vitest';
import { bucketOf } from '../../src/core/bucket.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { readRegistry } from '../../src/scheduler/registry.ts';
import { eventually } from '../support/eventually.ts';
import { startLive, type File, type LiveDaemon } from '../support/live-daemon.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** The first account's name that falls into the canary of `quick` at 50 percent, and that does not. */
const NAMES = Array.from({ length: 50 }, (_, i) => `a${i}`);
const isCanary = (name: string): boolean => bucketOf('rollout:quick', name) < 50;
const CANARY = NAMES.find(isCanary)!;
const CONTROL = NAMES.find((name) => !isCanary(name))!;
/** Refuses connections. */
const NOBODY = 'http://127.0.0.1:9/v1';

/** A pool for each of the two accounts; open breakers stay open for as long as a test may take. */
function twoAccounts(file: File): void {
  const { openai } = file.pools;
  const breaker = { consecutiveFailures: 4, openMs: 60_000, maxOpenMs: 60_000 };
  // Another upstream would be another configuration.
  const pool = { ...openai!, baseUrl: NOBODY, breaker };
  const own = (name: string) => [{ name, maxConcurrency: 5, credential: 'key-1' }];
  file.pools = {
    control: { ...pool, accounts: own(CONTROL) },
    canary: { ...pool, accounts: own(CANARY) },
  };
  const arms = {
    control: { percent: 50 },
    canary: { percent: 50, breaker: { consecutiveFailures: 2 } },
  };
  file['rollouts'] = { quick: { what: 'breaker', arms } };
}

/** Uses the pool's account until its breaker trips; after how many failures. */
async function failuresUntilOpen(daemon: LiveDaemon, pool: string): Promise<number> {
  for (let failures = 0; failures < 20; failures += 1) {
    const targets = [{ pool, model: 'gpt-4' }];
    const { status, body } = await daemon.call('POST', '/scheduler/slots', { targets });
    if (status !== 201) {
      expect(body).toMatchObject({ error: { code: 'breaker_open' } });
      return failures;
    }
    const { requestId, fence } = body as { requestId: string; fence: number };
    await daemon.call('DELETE', `/scheduler/slots/${requestId}`, { fence, outcome: 'failed' });
  }
  throw new Error('the breaker has not tripped');
}

async function makeWell(daemon: LiveDaemon): Promise<void> {
  for (const account of [CANARY, CONTROL]) {
    const { status } = await daemon.admin('POST', '/breakers/reset', { account });
    expect(status).toBe(200);
  }
}

async function breakersOf(daemon: LiveDaemon) {
  const { body } = await daemon.admin('GET', '/rollouts/quick');
  return (body['arms'] as { arm: string; breakers: object }[]).map((one) => one.breakers);
}

async function armOf(daemon: LiveDaemon, account: string): Promise<string | undefined> {
  const { body } = await daemon.admin('GET', '/explain?route=gpt-4');
  const found = (body['accounts'] as { account: string; breakerArm?: { arm: string } }[]).find(
    (one) => one.account === account,
  );
  return found?.breakerArm?.arm;
}

describe('a rollout of breaker settings', () => {
  it('trips a sick account of each arm by that arm’s own threshold, on all daemons', async () => {
    const one = await startLive(store, { first: twoAccounts });
    const other = await startLive(store, { first: twoAccounts, cell: one.cell });

    const canary = await failuresUntilOpen(one, 'canary');
    const control = await failuresUntilOpen(other, 'control');

    expect([canary, control]).toEqual([2, 4]);
    expect([await armOf(other, CANARY), await armOf(one, CONTROL)]).toEqual(['canary', 'control']);
    await eventually(async () => {
      expect(await breakersOf(one)).toEqual([
        { accounts: 1, trips: 1, left: 0 },
        { accounts: 1, trips: 1, left: 0 },
      ]);
    });
  });

  it('is taken back on all daemons within a second, and every account has the base’s', async () => {
    const one = await startLive(store, { first: twoAccounts });
    const other = await startLive(store, { first: twoAccounts, cell: one.cell });
    const before = await failuresUntilOpen(one, 'canary');
    await makeWell(one);

    const begun = performance.now();
    const { status } = await one.admin('PUT', '/rollouts/quick', { arms: { canary: 0 } });
    const tookMs = performance.now() - begun;
    const after = await failuresUntilOpen(other, 'canary');

    expect([before, status, after]).toEqual([2, 200, 4]);
    expect(tookMs).toBeLessThan(1000);
    expect(await armOf(other, CANARY)).toBe('control');
    expect(await breakersOf(one)).toMatchObject([{ accounts: 2 }, { accounts: 0 }]);
  });

  it('is what operators have set when a daemon starts, not what its file says', async () => {
    const one = await startLive(store, { first: twoAccounts });
    await one.admin('PUT', '/rollouts/quick', { arms: { canary: 0 } });
    const keys = cellKeys(one.cell);
    const before = await readRegistry(store.redis, keys);

    const other = await startLive(store, { first: twoAccounts, cell: one.cell });

    expect((await readRegistry(store.redis, keys)).generation).toBe(before.generation);
    expect(await failuresUntilOpen(other, 'canary')).toBe(4);
  });

  it('takes over other settings of an arm by a reload', async () => {
    const daemon = await startLive(store, { first: twoAccounts });
    const before = await failuresUntilOpen(daemon, 'canary');
    await makeWell(daemon);

    const arms = { control: { percent: 50 }, canary: { percent: 50, breaker: { enabled: true } } };
    daemon.file['rollouts'] = { quick: { what: 'breaker', arms } };
    await daemon.reloaded();
    const after = await failuresUntilOpen(daemon, 'canary');

    expect([before, after]).toEqual([2, 4]);
  });

  it('is not applied by a daemon whose configuration another one has replaced', async () => {
    const old = await startLive(store, { first: twoAccounts });
    const next = await startLive(store, {
      cell: old.cell,
      first: (file) => {
        twoAccounts(file);
        file.pools['canary']!['breaker'] = { consecutiveFailures: 7 };
      },
    });

    await old.admin('PUT', '/rollouts/quick', { arms: { canary: 0 } });

    await eventually(async () => expect(await armOf(next, CANARY)).toBe('control'));
    expect(await failuresUntilOpen(old, 'canary')).toBe(7);
  });
});

describe('the arm of a request', () => {
  it('is that of the account that served it, and the account that it left is counted', async () => {
    const daemon = await startLive(store, {
      first: (file) => {
        const { baseUrl } = file.pools['openai']!;
        twoAccounts(file);
        Object.assign(file.pools['control']!, { baseUrl });
        const targets = ['canary', 'control'].map((pool) => ({ pool, model: 'gpt-4' }));
        file.routes = { both: { targets } };
      },
    });

    const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'both', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    await answer.text();

    expect(answer.status).toBe(200);
    const { body } = await daemon.admin('GET', '/rollouts/quick');
    expect(body['arms']).toMatchObject([
      { arm: 'control', requests: 1, errors: 0, breakers: { left: 0 } },
      { arm: 'canary', requests: 0, breakers: { left: 1 } },
    ]);
    expect(await daemon.metrics()).toContain(
      'slotkeeper_rollout_requests_total{rollout="quick",arm="control",result="ok"} 1',
    );
  });
});
