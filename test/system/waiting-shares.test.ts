// @module-tag redis_required
// Fair shares over processes: tenants with weights from 1 to 8 want more of 20 slots than there is,
// from three processes. Judged by what their callers saw, never by what the store says.
// SLOTKEEPER_TEST_FULL=1 runs it for a minute.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { monotonicMs } from '../support/callers.ts';
import type { CallerGroup } from '../support/callers.ts';
import { eventually } from '../support/eventually.ts';
import { dealt, fleetCell, startFleet } from '../support/fleet.ts';
import { anAccount } from '../support/heart.ts';
import { expectNothingLeft, waitersIn } from '../support/queue-state.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler } from '../support/schedulers.ts';
import { ServiceLog, sharesOf } from '../support/service-log.ts';

const store = useRedis();
const IS_FULL = process.env['SLOTKEEPER_TEST_FULL'] === '1';
const RUN_MS = IS_FULL ? 60_000 : 12_000;
const TEST_MS = RUN_MS + 60_000;

const PROCESSES = 3;
const SLOTS = 20;
/** Enough for a tenant to have one waiting while others hold slots. */
const CALLERS_EACH = 4;
const PATIENCE_MS = 60_000;
/** What two busy cores may add to a promise. */
const TOLERANCE_MS = 500;

/**
 * For a processor: of the daemon that gives back, the store, the daemon that is told, the store again
 * and the daemon again. What other work makes a timer late by it adds to each of them.
 */
const WAITS_OF_A_HAND_OFF = 5;

interface Crowd {
  readonly groups: readonly CallerGroup[];
  readonly weights: Readonly<Record<string, number>>;
}

/** Tenants of weights 1 to 8 in turn; each eight of them with the next of `holdsMs`. */
function aCrowd(tenants: number, holdsMs: readonly number[]): Crowd {
  const weights: Record<string, number> = {};
  const groups = Array.from({ length: tenants }, (_, i) => {
    const tenant = `t${i}`;
    weights[tenant] = 1 + (i % 8);
    const holdMs = holdsMs[Math.floor(i / 8) % holdsMs.length] ?? 0;
    return { tenant, holdMs, callers: CALLERS_EACH, waitMs: PATIENCE_MS };
  });
  return { groups, weights };
}

/** Some of them are refused at their deadlines, so their shares are not looked at. */
const IMPATIENT: CallerGroup = {
  tenant: 'impatient',
  callers: 6,
  holdMs: 5,
  waitMs: 150,
  pauseMs: 50,
};

/** All of the crowd waits before the first slot is free; what happened, and from when to when. */
async function contend({ groups, weights }: Crowd) {
  const observed = { redis: store.redis, cell: store.cell() };
  const accounts = Array.from({ length: SLOTS }, (_, i) => anAccount({ name: `a${i}` }));
  const own = await aScheduler(observed, accounts);
  const tenants = Object.entries(weights).map(([name, weight]) => ({ name, weight }));
  await own.configure(accounts, { tenants, timeZone: 'UTC' });
  const cell = fleetCell(store.url, { ...observed, leaseMs: 15_000 });
  const fleet = await startFleet(PROCESSES, cell);

  const asked = Array.from({ length: SLOTS }, () => own.acquire({ targets: TARGETS }));
  const blockers = await Promise.all(asked);
  const called = dealt(groups, PROCESSES).map((part, i) => fleet[i]!.call(part));
  await eventually(async () => {
    expect(await waitersIn(observed)).toBe(CALLERS_EACH * groups.length);
  });
  const from = monotonicMs();
  await Promise.all(blockers.map((lease) => lease.release()));
  called.push(fleet.at(-1)!.call([IMPATIENT]));
  await sleep(RUN_MS);
  const span = { from, to: monotonicMs() };
  await Promise.all(fleet.map((one) => one.stop()));
  await Promise.all(called);
  const log = new ServiceLog(fleet.flatMap(({ services }) => services));
  return { observed, log, span, shares: sharesOf(log, weights, span) };
}

/** Every slot was used, by one at a time, and nobody was left without an answer. */
function expectSound(log: ServiceLog): void {
  expect(Object.keys(log.most)).toHaveLength(SLOTS);
  expect(new Set(Object.values(log.most))).toEqual(new Set([1]));
  expect(Object.keys(log.ends).sort()).toEqual(['queue_timeout', 'served']);
  expect(log.latestBeyondDeadlineMs).toBeLessThan(TOLERANCE_MS);
}

/** How much later than asked for timers of the callers rang, on average. */
function latenessMs(log: ServiceLog, holdMs: number): number {
  return log.held.reduce((sum, { from, to }) => sum + to - from - holdMs, 0) / log.held.length;
}

const least = (numbers: readonly number[]): number => Math.min(...numbers);
const most = (numbers: readonly number[]): number => Math.max(...numbers);

describe('200 tenants of three processes at 20 slots', () => {
  it('are served by their weights, and keep the slots busy', { timeout: TEST_MS }, async () => {
    const holdMs = 100;
    const crowd = aCrowd(200, [holdMs]);

    const { observed, log, span, shares } = await contend(crowd);

    const busy = log.slotMs(span) / (SLOTS * (span.to - span.from));
    const parts = shares.map(({ usedMs, entitledMs }) => usedMs / entitledMs);
    const lag = most(shares.map(({ worstLagMs }) => worstLagMs));
    const ofCrowd = log.held.filter(({ tenant }) => tenant in crowd.weights);
    const late = latenessMs(new ServiceLog(ofCrowd), holdMs);
    const longestMs = most(ofCrowd.map(({ from, to }) => to - from));
    expectSound(log);
    expect(busy).toBeGreaterThan(0.95 - (WAITS_OF_A_HAND_OFF * Math.max(0, late - 1)) / holdMs);
    expect(lag).toBeLessThan(2 * longestMs);
    if (IS_FULL) expect(least(parts)).toBeGreaterThan(0.9);
    await expectNothingLeft(observed);
  });
});

describe('tenants whose holds differ 1:60', () => {
  it('get time by their weights, not turns', { timeout: TEST_MS }, async () => {
    const longestMs = 600;
    const crowd = aCrowd(40, [10, 40, 150, longestMs, 10]);

    const { observed, log, shares } = await contend(crowd);

    const parts = shares.map(({ usedMs, entitledMs }) => usedMs / entitledMs);
    const lag = most(shares.map(({ worstLagMs }) => worstLagMs));
    expectSound(log);
    expect(lag).toBeLessThan(2 * longestMs);
    expect(least(parts)).toBeGreaterThan(IS_FULL ? 0.9 : 0.8);
    await expectNothingLeft(observed);
  });
});
