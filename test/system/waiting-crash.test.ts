// @module-tag redis_required
// kill -9 of a process whose callers hold slots and wait for more: the living are served, and what
// the dead held, or is handed to them, comes back in time.
import { expect, it } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { readCounters } from '../../src/scheduler/inspect.ts';
import { monotonicMs } from '../support/callers.ts';
import { eventually } from '../support/eventually.ts';
import { fleetCell, startFleet } from '../support/fleet.ts';
import { anAccount } from '../support/heart.ts';
import { expectNothingLeft, leasesIn, waitersIn } from '../support/queue-state.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler } from '../support/schedulers.ts';
import { ServiceLog } from '../support/service-log.ts';

const store = useRedis();
const LEASE_MS = 6000;
const REAP_MS = 250;
/** What two busy cores may add to a promise. */
const TOLERANCE_MS = 1000;

const HELD = 50;
const WAITING = 100;
const FREED = 10;
const SURVIVORS = 30;
const RESERVE_MICRO = 10;

/** One account with room for what the dying holds and what will be freed; nothing costs too much. */
async function aCellWithBudget() {
  const observed = { redis: store.redis, cell: store.cell() };
  const accounts = [anAccount({ slots: HELD + FREED })];
  const options = { ...observed, leaseMs: LEASE_MS, reapIntervalMs: REAP_MS };
  const own = await aScheduler(options, accounts);
  await own.configure(accounts, {
    tenants: [],
    budget: { warnMicro: 1e9, stopMicro: 1e9, period: 'none' },
    timeZone: 'UTC',
  });
  return { observed, own, cell: fleetCell(store.url, options) };
}

it('a killed process with 100 waiters and 50 leases costs nobody else a place', async () => {
  const { observed, own, cell } = await aCellWithBudget();
  const [dying, ...others] = await startFleet(3, cell);
  const freed = Array.from({ length: FREED }, () => own.acquire({ targets: TARGETS }));
  const leases = await Promise.all(freed);
  const tenant = 't';
  const dies = { tenant, turns: 1, holdMs: 3_600_000, reserveMicro: RESERVE_MICRO };
  const lives = { tenant, callers: SURVIVORS, turns: 4, holdMs: 20, waitMs: 60_000 };
  const ignore = (): undefined => undefined;
  void dying!.call([{ ...dies, callers: HELD, waitMs: 0 }]).catch(ignore);
  await eventually(async () => expect(await leasesIn(observed)).toBe(HELD + FREED));
  void dying!.call([{ ...dies, callers: WAITING, waitMs: 8000 }]).catch(ignore);
  await eventually(async () => expect(await waitersIn(observed)).toBe(WAITING));
  const called = others.map((one) => one.call([lives]));
  await eventually(async () => expect(await waitersIn(observed)).toBe(WAITING + 2 * SURVIVORS));

  await dying!.kill();
  const killedAt = monotonicMs();
  await Promise.all(leases.map((lease) => lease.release()));
  const handedToTheDead = (await leasesIn(observed)) - HELD;
  await Promise.all(called);
  await eventually(async () => expect(await leasesIn(observed)).toBe(0));
  const allBackAfterMs = monotonicMs() - killedAt;
  await eventually(async () => expect(await waitersIn(observed)).toBe(0));
  await Promise.all(others.map((one) => one.stop()));

  // Before any lease of the dead expires: all freed slots serve the living after one claim time.
  const log = new ServiceLog(others.flatMap(({ services }) => services));
  const claimedBy = killedAt + CODES.WAITING.claim_ms + TOLERANCE_MS;
  const early = log.held.filter(({ from }) => from < claimedBy);
  expect(handedToTheDead).toBe(FREED);
  expect(new ServiceLog(early).most).toEqual({ a1: FREED });
  expect(log.ends).toEqual({ served: 2 * SURVIVORS * lives.turns });
  expect(log.latestBeyondDeadlineMs).toBeLessThan(0);
  expect(allBackAfterMs).toBeLessThan(LEASE_MS + REAP_MS + TOLERANCE_MS);
  const { budget } = await readCounters({ ...observed, keyStyle: 'plain' });
  const presumedMicro = HELD * RESERVE_MICRO;
  expect(budget).toMatchObject({ settledMicro: presumedMicro, presumedMicro, reservedMicro: 0 });
  await expectNothingLeft(observed);
});
