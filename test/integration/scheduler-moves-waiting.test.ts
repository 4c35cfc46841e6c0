// @module-tag redis_required
// A lease that waits for another account: hand-offs from its own and from other daemons, deadlines,
// callers that leave, and a store that loses all that it knew.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { audit } from '../../src/scheduler/inspect.ts';
import type { Lease } from '../../src/scheduler/lease.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { anAccount } from '../support/heart.ts';
import { expectNothingLeft } from '../support/queue-state.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler, untilTick } from '../support/schedulers.ts';
import type { SchedulerWish } from '../support/schedulers.ts';

const store = useRedis();
const TWO = ['a1', 'a2'].map((name) => anAccount({ name }));
const PATIENT = { outcome: 'failed', waitMs: 20_000 } as const;

interface Fleet {
  readonly one: Scheduler;
  readonly other: Scheduler;
  /** Held by `one`, on a1. */
  readonly x: Lease;
  /** Held by `other`, on a2. */
  readonly y: Lease;
  readonly cell: string;
  inFlight(): Promise<Record<string, string>>;
}

async function aFullPool(wish: Partial<SchedulerWish> = {}): Promise<Fleet> {
  const cell = store.cell();
  const schedulers: Scheduler[] = [];
  for (let i = 0; i < 2; i += 1) {
    schedulers.push(await aScheduler({ redis: await store.connect(), cell, ...wish }, TWO));
  }
  const [one, other] = schedulers as [Scheduler, Scheduler];
  const x = await one.acquire({ targets: TARGETS });
  const y = await other.acquire({ targets: TARGETS });
  const inFlight = () => store.redis.hgetall(cellKeys(cell).inflight);
  return { one, other, x, y, cell, inFlight };
}

const untilWaiting = (scheduler: Scheduler, count = 1) =>
  expect.poll(() => scheduler.waiting(), { timeout: 10_000 }).toBe(count);

async function expectSound(cell: string): Promise<void> {
  const { differences } = await audit({ redis: store.redis, cell, keyStyle: 'plain' });
  expect(differences).toEqual([]);
}

describe('a lease that waits for another account', () => {
  it('gives its own back at once, and goes on with the one that another daemon frees', async () => {
    const quiet = { checkIntervalMs: 30_000, reapIntervalMs: 5000 };
    const { one, x, y, cell, inFlight } = await aFullPool(quiet);
    const before = x.fence;
    const told = once(one.events, 'moved');
    const moving = x.move(PATIENT);
    await untilWaiting(one);
    const meanwhile = await inFlight();
    await expectSound(cell);

    await y.release();
    const result = await moving;

    expect(meanwhile).toMatchObject({ a1: '0', a2: '1' });
    expect(result).toEqual({ kind: 'moved' });
    expect(x).toMatchObject({ account: 'a2', targetIndex: 0 });
    expect(x.fence).toBeGreaterThan(before);
    expect((await told)[0]).toMatchObject({ from: 'a1', to: 'a2', outcome: 'failed' });
    expect(await inFlight()).toMatchObject({ a1: '0', a2: '1' });
    expect(await x.release()).toBe('released');
    await expectNothingLeft({ redis: store.redis, cell });
  });

  it('goes on with the one that its own daemon frees', async () => {
    const { one, other, x, y, cell } = await aFullPool();
    await y.release();
    const own = await one.acquire({ targets: TARGETS });
    const moving = x.move(PATIENT);
    await untilWaiting(one);

    await own.release();

    expect(await moving).toEqual({ kind: 'moved' });
    expect(x.account).toBe('a2');
    expect(await x.release()).toBe('released');
    expect(other.waiting()).toBe(0);
    await expectNothingLeft({ redis: store.redis, cell });
  });

  it('is renewed meanwhile, and afterwards under its new fence', async () => {
    const { one, x, y, cell } = await aFullPool({ leaseMs: 150 });
    const moving = x.move(PATIENT);
    await untilWaiting(one);
    const until = performance.now() + 500;
    await untilTick(one, () => performance.now() > until);

    await y.release();
    const result = await moving;
    const first = x.expiresAtMs;
    await untilTick(one, () => x.expiresAtMs > first + 200);

    expect(result).toEqual({ kind: 'moved' });
    expect(x.signal.aborted).toBe(false);
    await x.release();
    await expectNothingLeft({ redis: store.redis, cell });
  });

  it('is refused at its deadline, and holds no account until it is given back', async () => {
    const { one, x, y, cell, inFlight } = await aFullPool();

    const result = await x.move({ ...PATIENT, waitMs: 50 });
    const after = await inFlight();
    await expectSound(cell);
    const released = await x.release({ outcome: 'failed', costMicro: 7 });

    expect(result).toMatchObject({ kind: 'denied', reason: 'queue_timeout', hasAccount: false });
    expect(after).toMatchObject({ a1: '0', a2: '1' });
    expect(released).toBe('released');
    expect(one.waiting()).toBe(0);
    await y.release();
    await expectNothingLeft({ redis: store.redis, cell });
  });

  it('is not kept waiting where there is no other account', async () => {
    const { x, inFlight } = await aFullPool();

    const result = await x.move({ ...PATIENT, exclude: ['a2'] });

    expect(result).toMatchObject({ reason: 'no_account_for_model', hasAccount: true });
    expect(await inFlight()).toMatchObject({ a1: '1', a2: '1' });
  });

  it.each([
    [
      'its caller leaves',
      (_x: Lease, leave: AbortController) => {
        leave.abort();
        return Promise.resolve();
      },
    ],
    ['it is released', (x: Lease) => x.release({ outcome: 'failed' })],
  ])('gives its place up where %s', async (_, end) => {
    const { one, x, y, cell } = await aFullPool();
    const leave = new AbortController();
    const moving = x.move({ ...PATIENT, signal: leave.signal });
    const refused = expect(moving).rejects.toMatchObject({ code: 'client_closed' });
    await untilWaiting(one);

    await end(x, leave);
    await refused;
    await x.release({ outcome: 'failed' });
    await y.release();

    expect(one.waiting()).toBe(0);
    await expectNothingLeft({ redis: store.redis, cell });
  });

  it('gives everything back when its scheduler stops', async () => {
    const { one, x, y, cell } = await aFullPool();
    const moving = x.move(PATIENT);
    const refused = expect(moving).rejects.toMatchObject({ code: 'shutting_down' });
    await untilWaiting(one);

    await one.stop();
    await refused;
    await y.release();

    await expectNothingLeft({ redis: store.redis, cell });
  });

  it('waits on after the store has lost all that it knew', async () => {
    const { one, other, x, y, cell } = await aFullPool({ recoveryMs: 300, checkIntervalMs: 200 });
    const moving = x.move(PATIENT);
    await untilWaiting(one);
    const keys = await store.redis.keys(`*{${cell}}*`);
    const recovered = Promise.all([once(one.events, 'recovery'), once(other.events, 'recovery')]);
    await store.redis.del(...keys);
    await recovered;
    await untilTick(one, async () => (await store.redis.hlen(cellKeys(cell).waiters)) > 1);

    await y.release();
    const result = await moving;

    expect(result).toEqual({ kind: 'moved' });
    expect(x).toMatchObject({ account: 'a2' });
    expect(x.signal.aborted).toBe(false);
    await x.release();
    await expectNothingLeft({ redis: store.redis, cell });
  });

  it('by its name stays where it is when it is asked again, and at another daemon', async () => {
    const { one, other, y, x, cell } = await aFullPool();
    await x.release();
    const named = { requestId: 'job', leaseMs: 5000, renewal: 'by-holder' } as const;
    const { fence } = await one.acquire({ targets: TARGETS, ...named });
    const ref = { requestId: 'job', fence, leaseMs: 5000 };
    const report = { ...PATIENT, targets: TARGETS };
    const first = one.move(ref, report);
    await untilWaiting(one);
    const second = other.move(ref, report);
    await untilWaiting(other);

    await y.release();
    const results = await Promise.all([first, second]);
    const again = await one.move(ref, report);

    expect(results[0]).toMatchObject({ kind: 'moved', account: 'a2', target: TARGETS[0] });
    expect(results[1]).toMatchObject({ fence: (results[0] as { fence: number }).fence });
    expect(again).toMatchObject({ kind: 'moved', account: 'a2' });
    const { fence: last } = again as { fence: number };
    expect(await other.release({ requestId: 'job', fence: last })).toBe('released');
    await expectNothingLeft({ redis: store.redis, cell });
  });
});
