// @module-tag redis_required
// Who leads, in real processes: never two at once, whatever is killed, stopped or restarted; and a
// fleet of daemons has a leader again when its leader is gone.
import { describe, expect, inject, it } from 'vitest';
import { runProcesses } from '../leader/processes.ts';
import { eventually } from '../support/eventually.ts';
import { startDaemonProcess, type RunningDaemon } from '../support/process.ts';
import { useRedis } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { metric } from './crash-cell.ts';

const store = useRedis();

describe('three processes', () => {
  it.each([
    ['an append-only file that is synced always', 3],
    ['an append-only file that is synced every second', 4],
    ['no append-only file', 5],
  ])('under kill -9, SIGSTOP and restarts of Redis with %s never lead at once', async (_, seed) => {
    const found = await runProcesses({
      seed,
      directory: await temporaryDirectory(),
      server: inject('redisServer'),
    });

    expect(found.overlaps).toEqual([]);
    expect(found.lateWrites).toEqual([]);
    expect(found.terms).toBeGreaterThan(1);
  });
});

describe('three daemons', () => {
  const LEADS = 'slotkeeper_leader';

  it('have one leader, and another one when that was killed or has ended', async () => {
    const env = {
      REDIS_URL: store.url,
      SLOTKEEPER_CELL: store.cell(),
      SLOTKEEPER_LOG_LEVEL: 'error',
      SLOTKEEPER_LEADER_LIFE_MS: '2000',
    };
    const cwd = await temporaryDirectory();
    const daemons = await Promise.all([1, 2, 3].map(() => startDaemonProcess({ cwd, env })));
    const leaderAmong = (some: readonly RunningDaemon[]): Promise<RunningDaemon> =>
      eventually(async () => {
        const values = await Promise.all(some.map(({ url }) => metric(url, LEADS)));
        expect(values.filter((value) => value === 1)).toHaveLength(1);
        return some[values.indexOf(1)]!;
      });

    const first = await leaderAmong(daemons);
    first.kill('SIGKILL');
    await first.ended;
    const others = daemons.filter((one) => one !== first);
    const second = await leaderAmong(others);
    await second[Symbol.asyncDispose]();
    const third = others.find((one) => one !== second)!;
    const last = await leaderAmong([third]);

    expect(last).toBe(third);
    expect(await metric(third.url, 'slotkeeper_leader_terms_total')).toBe(1);
    await third[Symbol.asyncDispose]();
  });
});
