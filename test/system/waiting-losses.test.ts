// @module-tag redis_required
// What gets lost while callers of three processes wait: the messages that tell them of their slots,
// and the callers themselves. Whoever stays is served, and nothing is left behind.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CallerGroup } from '../support/callers.ts';
import { dealt, fleetCell, startFleet } from '../support/fleet.ts';
import { anAccount } from '../support/heart.ts';
import { expectNothingLeft } from '../support/queue-state.ts';
import { useRedis } from '../support/redis.ts';
import { aScheduler } from '../support/schedulers.ts';
import { ServiceLog } from '../support/service-log.ts';

const store = useRedis();
const PROCESSES = 3;
const SLOTS = 10;
const CHECK_MS = 500;
const WAIT_MS = 60_000;

/** Runs the groups, dealt out to three processes, to their ends; `trouble` runs meanwhile. */
async function load(
  groups: readonly CallerGroup[],
  trouble: (until: Promise<unknown>) => Promise<number>,
) {
  const observed = { redis: store.redis, cell: store.cell() };
  const options = { ...observed, checkIntervalMs: CHECK_MS };
  await aScheduler(options, [anAccount({ slots: SLOTS })]);
  const fleet = await startFleet(PROCESSES, fleetCell(store.url, options));

  const parts = dealt(groups, PROCESSES);
  const ended = Promise.all(parts.map((part, i) => fleet[i]!.call(part)));
  const troubles = await trouble(ended);
  await ended;
  await Promise.all(fleet.map((one) => one.stop()));
  const log = new ServiceLog(fleet.flatMap(({ services }) => services));
  return { observed, log, troubles };
}

/** Kills every subscription each 200 ms; how many that were. */
async function killSubscriptions(until: Promise<unknown>): Promise<number> {
  const isOver = until.then(() => true);
  let killed = 0;
  while (!(await Promise.race([isOver, sleep(200, false)]))) {
    killed += Number(await store.redis.call('client', ['kill', 'type', 'pubsub']));
  }
  return killed;
}

describe('waiting callers', () => {
  it('are all served while every subscription is killed each 200 ms', async () => {
    const group = { tenant: 't', callers: 180, turns: 10, holdMs: 10, waitMs: WAIT_MS };

    const { observed, log, troubles } = await load([group], killSubscriptions);

    expect(troubles).toBeGreaterThan(2 * PROCESSES);
    expect(log.ends).toEqual({ served: group.callers * group.turns });
    expect(log.most).toEqual({ a1: SLOTS });
    expect(log.latestBeyondDeadlineMs).toBeLessThan(0);
    await expectNothingLeft(observed);
  });

  it('are all served while others vanish from the queue at random', async () => {
    const stay = { tenant: 'stay', callers: 60, turns: 10, holdMs: 10, waitMs: WAIT_MS };
    const leave = { ...stay, tenant: 'leave', callers: 120, leavesWithinMs: 200 };

    const { observed, log } = await load([stay, leave], () => Promise.resolve(0));

    const of = (name: string) => new ServiceLog(log.all.filter(({ tenant }) => tenant === name));
    expect(of('stay').ends).toEqual({ served: stay.callers * stay.turns });
    expect(Object.keys(of('leave').ends).sort()).toEqual(['client_closed', 'served']);
    expect(of('leave').ends['client_closed']).toBeGreaterThan(leave.callers);
    expect(log.most).toEqual({ a1: SLOTS });
    await expectNothingLeft(observed);
  });
});
