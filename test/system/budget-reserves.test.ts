// @module-tag redis_required
// One budget and reserves from three processes at once: not one more is admitted than it has room
// for, and what was reserved in vain serves others.
import { describe, expect, it } from 'vitest';
import { readCounters } from '../../src/scheduler/inspect.ts';
import type { CallerGroup } from '../support/callers.ts';
import { dealt, fleetCell, startFleet } from '../support/fleet.ts';
import { anAccount } from '../support/heart.ts';
import { expectNothingLeft } from '../support/queue-state.ts';
import { useRedis } from '../support/redis.ts';
import { aScheduler } from '../support/schedulers.ts';
import { ServiceLog } from '../support/service-log.ts';

const store = useRedis();
const PROCESSES = 3;
const CALLERS = 200;
const ROOM = 50;
const RESERVE_MICRO = 1000;

/** 200 callers that ask once each, at the same time, under a budget with room for 50. */
async function spend({ slots, ...wish }: { readonly slots: number } & Partial<CallerGroup>) {
  const observed = { redis: store.redis, cell: store.cell() };
  const accounts = [anAccount({ slots })];
  const stopMicro = ROOM * RESERVE_MICRO;
  const own = await aScheduler(observed, accounts);
  await own.configure(accounts, {
    tenants: [],
    budget: { warnMicro: stopMicro, stopMicro, period: 'none' },
    timeZone: 'UTC',
  });
  const fleet = await startFleet(PROCESSES, fleetCell(store.url, observed));
  const about = { tenant: 't', holdMs: 500, waitMs: 0, reserveMicro: RESERVE_MICRO };
  const group = { ...about, callers: CALLERS, turns: 1, ...wish };

  await Promise.all(dealt([group], PROCESSES).map((groups, i) => fleet[i]!.call(groups)));
  await Promise.all(fleet.map((one) => one.stop()));
  const log = new ServiceLog(fleet.flatMap(({ services }) => services));
  const { budget } = await readCounters({ ...observed, keyStyle: 'plain' });
  return { observed, log, budget };
}

describe('200 reserves against a budget with room for 50', () => {
  it('admit exactly 50', async () => {
    const { observed, log, budget } = await spend({ slots: CALLERS });

    expect(log.ends).toEqual({ served: ROOM, budget_stop: CALLERS - ROOM });
    expect(budget).toMatchObject({
      settledMicro: ROOM * RESERVE_MICRO,
      overrunMicro: 0,
      presumedMicro: 0,
      requests: ROOM,
    });
    await expectNothingLeft(observed);
  });

  it('admit exactly 50 where they wait for slots, and refuse the others there', async () => {
    const waiting = { slots: 8, holdMs: 20, waitMs: 20_000, costMicro: RESERVE_MICRO };

    const { observed, log, budget } = await spend(waiting);

    expect(log.ends).toEqual({ served: ROOM, budget_stop: CALLERS - ROOM });
    expect(budget).toMatchObject({ settledMicro: ROOM * RESERVE_MICRO, requests: ROOM });
    await expectNothingLeft(observed);
  });

  it('admit all where what was reserved is not used', async () => {
    const waiting = { slots: ROOM - 10, holdMs: 20, waitMs: 20_000, costMicro: 0 };

    const { observed, log, budget } = await spend(waiting);

    expect(log.ends).toEqual({ served: CALLERS });
    expect(budget).toMatchObject({ settledMicro: 0, requests: CALLERS });
    await expectNothingLeft(observed);
  });
});
