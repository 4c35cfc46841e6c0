// @module-tag redis_required
// Rollouts: which arm a request is in, what the arms come to over all daemons, and taking one back.
import { describe, expect, it, onTestFinished } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { Speeds } from '../../src/rollout/speeds.ts';
import { startSimulator } from '../../src/sim/server.ts';
import { accountOf } from '../support/account-labels.ts';
import { eventually } from '../support/eventually.ts';
import { startLive, type File, type LiveDaemon } from '../support/live-daemon.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

/** Route `deep` at pool `openai`, and at `other` for a part of its sessions. */
function twoPools(file: File): void {
  const { openai } = file.pools;
  const account = { name: 'a3', maxConcurrency: 20, credential: 'key-3' };
  file.pools['other'] = { ...openai!, accounts: [account] };
  file.routes = { deep: { targets: [{ pool: 'openai', model: 'gpt-4' }] } };
  file['rollouts'] = {
    move: {
      what: 'targets',
      route: 'deep',
      arms: {
        control: { percent: 60 },
        canary: { percent: 40, targets: [{ pool: 'other', model: 'gpt-4' }] },
      },
    },
  };
  Object.assign(file, {
    budget: { currency: 'USD', global: { stop: 1000 } },
    prices: { 'gpt-4': { input: 30, output: 60 } },
  });
}

async function accountFor(daemon: LiveDaemon, session: string, model = 'deep') {
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-slotkeeper-session': session },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  await answer.text();
  expect(answer.status).toBe(200);
  return accountOf(answer);
}

const SESSIONS = Array.from({ length: 60 }, (_, i) => `session-${i}`);

async function canaries(daemon: LiveDaemon): Promise<readonly string[]> {
  const found = await Promise.all(
    SESSIONS.map(async (session) => [session, await accountFor(daemon, session)] as const),
  );
  return found.filter(([, account]) => account === 'a3').map(([session]) => session);
}

interface Arm {
  readonly arm: string;
  readonly percent: number;
  readonly requests: number;
  readonly errors: number;
  readonly costMicro: number;
  readonly firstByteMs: { readonly p50: number; readonly p95: number };
}

async function armsOf(daemon: LiveDaemon): Promise<readonly Arm[]> {
  const { status, body } = await daemon.admin('GET', '/rollouts/move');
  expect(status, JSON.stringify(body)).toBe(200);
  return body['arms'] as readonly Arm[];
}

describe('a rollout of targets', () => {
  it('leads a part of the sessions elsewhere, always the same ones, and compares the arms', async () => {
    const daemon = await startLive(store, { first: twoPools });

    const [first, second] = [await canaries(daemon), await canaries(daemon)];

    expect(second).toEqual(first);
    expect(first.length).toBeGreaterThan(10);
    expect(first.length).toBeLessThan(40);
    const arms = await armsOf(daemon);
    expect(arms).toMatchObject([
      { arm: 'control', percent: 60, requests: 120 - 2 * first.length, errors: 0 },
      { arm: 'canary', percent: 40, requests: 2 * first.length, errors: 0 },
    ]);
    for (const { costMicro, firstByteMs } of arms) {
      expect(costMicro).toBeGreaterThan(0);
      expect(firstByteMs.p95).toBeGreaterThanOrEqual(firstByteMs.p50);
      expect(firstByteMs.p50).toBeGreaterThan(0);
    }
    const text = await daemon.metrics();
    const label = 'rollout="move",arm="canary"';
    expect(text).toContain(
      `slotkeeper_rollout_requests_total{${label},result="ok"} ${2 * first.length}`,
    );
    expect(text).toContain(`slotkeeper_rollout_first_byte_seconds_count{${label}}`);
    expect(text).toContain(`slotkeeper_rollout_cost_micro_total{${label}}`);
  });

  it('is taken back at once, on other daemons within a second', async () => {
    const one = await startLive(store, { first: twoPools });
    const other = await startLive(store, { first: twoPools, cell: one.cell });
    const before = await canaries(one);

    const begun = performance.now();
    const { body } = await one.admin('PUT', '/rollouts/move', { arms: { canary: 0 } });
    const after = await canaries(one);
    await eventually(async () => {
      const arms = await armsOf(other);
      expect(arms.map(({ percent }) => percent)).toEqual([100, 0]);
    });
    const tookMs = performance.now() - begun;

    expect(before.length).toBeGreaterThan(10);
    expect(body['arms']).toMatchObject([{ percent: 100 }, { percent: 0 }]);
    expect(after).toEqual([]);
    expect(await canaries(other)).toEqual([]);
    expect(tookMs).toBeLessThan(1500);
  });

  it('has one picture over all daemons, and keeps who was in an arm that grows', async () => {
    const one = await startLive(store, { first: twoPools });
    const other = await startLive(store, { first: twoPools, cell: one.cell });
    const before = await canaries(one);
    expect(await canaries(other)).toEqual(before);
    await armsOf(other);

    await one.admin('PUT', '/rollouts/move', { arms: { canary: 70 } });
    const after = await canaries(one);

    expect(after).toEqual(expect.arrayContaining([...before]));
    expect(after.length).toBeGreaterThan(before.length);
    const requests = (await armsOf(one)).reduce((sum, arm) => sum + arm.requests, 0);
    expect(requests).toBe(180);
  });

  it('refuses percentages that cannot be, and names that are not there', async () => {
    const daemon = await startLive(store, { first: twoPools });
    const put = (name: string, arms: object) => daemon.admin('PUT', `/rollouts/${name}`, { arms });

    const answers = await Promise.all([
      put('nothing', { canary: 1 }),
      put('move', { nobody: 1 }),
      put('move', { control: 1 }),
      put('move', { canary: 101 }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([404, 400, 400, 400]);
    expect((await armsOf(daemon)).map(({ percent }) => percent)).toEqual([60, 40]);
  });
});

describe('the selection `fastest`', () => {
  it('sends most requests to the account that answers sooner, and the other arm as before', async () => {
    const slow = await startSimulator({ behaviour: { tokens: 2, latencyMs: 120 } });
    onTestFinished(() => slow.stop());
    const daemon = await startLive(store, {
      first: (file) => {
        file.pools['openai']!.accounts[1]!['baseUrl'] = `${slow.url}/v1`;
        const arms = { base: { percent: 0 }, quick: { percent: 100, selection: 'fastest' } };
        file['rollouts'] = { quick: { what: 'selection', arms } };
      },
    });
    let number = 0;
    const round = async () => {
      // New sessions: those that had an account stay with it.
      const all = Array.from({ length: 12 }, () => {
        number += 1;
        return accountFor(daemon, `once-${number}`, 'gpt-4');
      });
      return (await Promise.all(all)).filter((account) => account === 'a1').length / 12;
    };
    await round();
    const { speeds } = cellKeys(daemon.cell);
    await eventually(async () => expect(await store.redis.hlen(speeds)).toBe(3));

    const quick = [await round(), await round(), await round(), await round()];
    await daemon.admin('PUT', '/rollouts/quick', { arms: { quick: 0 } });
    const usual = [await round(), await round(), await round(), await round()];

    const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
    // Of two drawn by their slots, the slow one is both in a quarter.
    expect(mean(quick)).toBeGreaterThan(0.62);
    expect(mean(usual)).toBeLessThan(0.6);
  });
});

describe('the speeds of accounts', () => {
  const aDaemon = (cell: string, nowMs = () => 1000, isNeeded = () => true) =>
    new Speeds({
      redis: store.redis,
      cell,
      keyStyle: 'plain',
      isNeeded,
      isAccount: () => false,
      clock: nowMs,
    });
  const told = async (speeds: Speeds, ms: number, count: number, failed = false) => {
    for (let i = 0; i < count; i += 1) speeds.note('a', { firstByteMs: ms, failed });
    await speeds.tell();
  };

  it('are shared, and move by a tenth with each request, whoever tells it', async () => {
    const cell = store.cell();
    const [one, other] = [aDaemon(cell), aDaemon(cell)];

    await told(one, 100, 1);
    await told(other, 200, 1);
    await one.tell();

    expect(other.scoreOf('a')).toBeCloseTo(110);
    expect(one.scoreOf('a')).toBeCloseTo(110);
    expect(one.scoreOf('nobody')).toBe(0);
  });

  it('count a failure like ten seconds, and forget by half in a minute', async () => {
    const cell = store.cell();
    let nowMs = 0;
    const speeds = aDaemon(cell, () => nowMs);

    await told(speeds, 100, 50, true);
    const failing = speeds.scoreOf('a');
    nowMs = 60_000;
    await speeds.tell();

    expect(failing).toBeGreaterThan(9000);
    expect(speeds.scoreOf('a')).toBeCloseTo(failing / 2);
    nowMs = 3_600_001;
    await speeds.tell();
    expect(await store.redis.hkeys(cellKeys(cell).speeds)).toEqual(['_']);
  });

  it('are not asked for where nobody chooses by them', async () => {
    const cell = store.cell();
    const speeds = aDaemon(
      cell,
      () => 0,
      () => false,
    );

    await told(speeds, 100, 5);

    expect(await store.redis.exists(cellKeys(cell).speeds)).toBe(0);
  });
});
