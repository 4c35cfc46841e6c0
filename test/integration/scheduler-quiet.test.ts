// @module-tag redis_required
// Nobody polls: what reaches Redis while 256 callers wait and nothing frees, command by command, as
// the server's own MONITOR tells it.
import { expect, it, onTestFinished } from 'vitest';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { TICK_WORDS, anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler, untilTick } from '../support/schedulers.ts';

const store = useRedis();
const DAEMONS = 2;
const CALLERS = 256;
const LEASE_MS = 3000;
const REAP_MS = 500;
const CHECK_MS = 1000;
/** Floor ticks and looks come up to a tenth earlier than their intervals say. */
const JITTER = 0.9;

interface Seen {
  readonly name: string;
  readonly operations: number;
}

/** Operations of a call of tick: what follows its keys, their lengths and its other words. */
function seen(words: readonly string[]): Seen {
  const [name = '', , keys = '0'] = words;
  return { name: name.toLowerCase(), operations: words.length - 3 - Number(keys) - 1 - TICK_WORDS };
}

/** What clients send, without what scripts call; ends with the test. */
async function watchCommands(): Promise<Seen[]> {
  const monitor = await (await store.connect('monitor')).monitor();
  onTestFinished(() => monitor.disconnect());
  const all: Seen[] = [];
  monitor.on('monitor', (_time: string, words: readonly string[], source: string) => {
    if (source !== 'lua') all.push(seen(words));
  });
  return all;
}

/** 256 callers of two daemons wait for one slot, which a lease that is renewed holds. */
async function aFullQueue() {
  const cell = store.cell();
  const wish = { cell, leaseMs: LEASE_MS, reapIntervalMs: REAP_MS, checkIntervalMs: CHECK_MS };
  const schedulers: Scheduler[] = [];
  for (let i = 0; i < DAEMONS; i += 1) {
    schedulers.push(await aScheduler({ ...wish, redis: await store.connect() }, [anAccount()]));
  }
  const lease = await schedulers[0]!.acquire({ targets: TARGETS });
  const request = { targets: TARGETS, waitMs: 60_000 };
  const waiting = Array.from({ length: CALLERS }, (_, i) => {
    return schedulers[i % DAEMONS]!.acquire(request);
  });
  const first = Promise.race(waiting);
  // Most of them still wait when their schedulers stop.
  for (const one of [first, ...waiting]) one.catch(() => undefined);
  for (const scheduler of schedulers) {
    await untilTick(scheduler, () => scheduler.waiting() === CALLERS / DAEMONS);
  }
  return { schedulers, lease, first };
}

it('256 waiting callers send nothing but renewals, the floor ticks and their bounded asking', async () => {
  const { schedulers, lease, first } = await aFullQueue();
  const commands = await watchCommands();

  const began = performance.now();
  await untilTick(schedulers[0]!, () => performance.now() - began > 4 * CHECK_MS);
  const passedMs = performance.now() - began;
  const intervals = (ms: number): number => 1 + Math.floor(passedMs / (JITTER * ms));
  const idle = commands.filter(({ operations }) => operations === 0);
  const busy = commands.filter(({ operations }) => operations > 0);
  const operations = busy.reduce((sum, one) => sum + one.operations, 0);

  const looks = DAEMONS * intervals(CHECK_MS / 2);
  const renewals = intervals(LEASE_MS / 3);
  // The end of the lease, as it was when it began, is a time at which something may change.
  const wakeUps = DAEMONS * intervals(LEASE_MS);
  expect(new Set(commands.map(({ name }) => name))).toEqual(new Set(['fcall']));
  expect(idle.length).toBeLessThanOrEqual(DAEMONS * intervals(REAP_MS) + wakeUps);
  // Every waiter asks once an interval; 64 at a look travel in two calls.
  expect(operations).toBeGreaterThan(CALLERS);
  expect(operations).toBeLessThanOrEqual(
    Math.min(64 * looks, CALLERS * intervals(CHECK_MS)) + renewals,
  );
  expect(busy.length).toBeLessThanOrEqual(2 * looks + renewals);
  // And all of that was a queue that still works.
  await lease.release();
  expect((await first).account).toBe('a1');
});
