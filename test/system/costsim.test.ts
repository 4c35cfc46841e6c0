// @module-tag redis_required
// The breaker of `v2` over real processes: one of them brings it back, one tells of it, and one that
// dies in between is stood in for. And the commands, as an operator types them.
import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN } from '../support/admin-api.ts';
import { TestCostsim } from '../support/costsim.ts';
import { startCostsimProcess } from '../support/costsim-fleet.ts';
import { eventually } from '../support/eventually.ts';
import { anAccount } from '../support/heart.ts';
import { startLive, type LiveDaemon } from '../support/live-daemon.ts';
import { startBuilt } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';
import { aScheduler } from '../support/schedulers.ts';

const store = useRedis();
const PROCESSES = 5;
const ATTEMPTS = 10;
const ROUNDS = 5;

async function aFleet(count: number, hearsTicks: boolean) {
  const cell = store.cell();
  await aScheduler({ redis: store.redis, cell }, [anAccount()]);
  const all = await Promise.all(
    Array.from({ length: count }, () => startCostsimProcess(store.url, { cell, hearsTicks })),
  );
  const told = async (): Promise<readonly string[]> =>
    (await Promise.all(all.map((one) => one.told()))).flat();
  return { cell, all, told };
}

describe('fifty simultaneous attempts to recover, of five processes', () => {
  it('have one winner, one event and one entry in the log, each time', async () => {
    const { cell, all, told } = await aFleet(PROCESSES, false);
    const { store: calls } = new TestCostsim(store.redis, { cell });
    const wins: number[] = [];

    for (let round = 1; round <= ROUNDS; round += 1) {
      await calls.trip({ by: 'test', why: `round ${round}` });
      await store.redis.hset(calls.keys.costsim, 'recover_at', '1');
      const atMs = Date.now() + 200;
      const won = await Promise.all(all.map((one) => one.recover(ATTEMPTS, atMs)));
      wins.push(won.reduce((sum, one) => sum + one, 0));
    }

    const log = (await calls.log(100)).filter(({ kind }) => kind === 'recovered');
    const events = (await told()).filter((line) => line.startsWith('recovered'));
    expect(wins).toEqual(Array.from({ length: ROUNDS }, () => 1));
    expect(log).toHaveLength(ROUNDS);
    expect(events.sort()).toEqual(log.map(({ number }) => `recovered ${number ?? 0}`).sort());
    console.log(
      `BAR costsim-recovery-winners ${Math.max(...wins)} <= 1 ok ` +
        `(${PROCESSES * ATTEMPTS} attempts of ${PROCESSES} processes, ${ROUNDS} rounds)`,
    );
    await Promise.all(all.map((one) => one.stop()));
  });
});

describe('a process that is killed between its change and telling of it', () => {
  it('leaves the change in force, and one of the others tells it, once', async () => {
    const { cell, all, told } = await aFleet(3, true);
    const { store: calls } = new TestCostsim(store.redis, { cell });
    const [dying, ...others] = all;

    await dying!.disableAndDie();
    const state = await store.redis.hget(calls.keys.costsim, 'state');
    all.shift();
    await eventually(async () => expect(await told()).toHaveLength(1), { timeoutMs: 30_000 });

    expect(state).toBe('open');
    expect(await told()).toEqual([expect.stringMatching(/^disabled \d+$/)]);
    await Promise.all(others.map((one) => one.stop()));
  });
});

describe('slotkeeper costsim', () => {
  async function run(daemon: LiveDaemon, ...args: readonly string[]) {
    const env = { SLOTKEEPER_URL: daemon.url, SLOTKEEPER_ADMIN_TOKEN: ADMIN_TOKEN };
    await using command = startBuilt('cli/main.js', ['costsim', ...args], { env });
    const { code } = await command.ended;
    return { code, text: command.stdout() + command.stderr() };
  }

  it('shows the breaker, and is an operator’s hand on it', async () => {
    const daemon = await startLive(store);

    const fresh = await run(daemon, 'status');
    const disabled = await run(daemon, 'disable', '--reason', 'a look at it', '--by', 'ann');
    const status = await run(daemon, 'status');
    const json = await run(daemon, 'status', '--json');
    const enabled = await run(daemon, 'enable', '--reason', 'looked');

    expect(fresh.text).toContain('v2 is in service: the breaker is closed');
    expect([disabled.code, status.code, json.code, enabled.code]).toEqual([0, 0, 0, 0]);
    expect(disabled.text).toContain('v2 is out of service: the breaker is open since 20');
    expect(disabled.text).toContain('It stays so until somebody enables v2.');
    expect(status.text).toMatch(/disabled +hand +ann +a look at it/);
    expect(JSON.parse(json.text)).toMatchObject({ breaker: { state: 'open', by: 'ann' } });
    expect(enabled.text).toContain('v2 is in service: the breaker is closed since 20');
  });

  it('asks for a reason, and for the token', async () => {
    const daemon = await startLive(store);

    const silent = await run(daemon, 'disable');
    const stranger = await run(daemon, 'status', '--token', 'not-the-token-0123456789');

    expect(silent).toMatchObject({ code: 2 });
    expect(silent.text).toContain("required option '--reason <text>'");
    expect(stranger.code).toBe(1);
    expect(stranger.text).toContain('The daemon answers 401');
  });
});
