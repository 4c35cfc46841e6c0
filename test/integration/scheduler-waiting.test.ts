// @module-tag redis_required
// Waiting through the Scheduler: hand-off between daemons, deadlines, callers that leave, lost
// messages, and the quiet of a queue that nothing frees.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';
import { Oracle, TARGETS, aScheduler } from '../support/schedulers.ts';

const store = useRedis();
const WAITING = { targets: TARGETS, waitMs: 20_000 };

async function someSchedulers(count: number, slots = 1, wish = {}): Promise<readonly Scheduler[]> {
  const cell = store.cell();
  const schedulers: Scheduler[] = [];
  for (let i = 0; i < count; i += 1) {
    const redis = await store.connect();
    schedulers.push(await aScheduler({ redis, cell, ...wish }, [anAccount({ slots })]));
  }
  return schedulers;
}

function until(scheduler: Scheduler, count: number): Promise<void> {
  return expect
    .poll(() => scheduler.waiting(), { timeout: 10_000 })
    .toBe(count)
    .then(() => undefined);
}

describe('a waiting acquire', () => {
  it('gets the slot that its own daemon frees', async () => {
    const [scheduler] = await someSchedulers(1);
    const first = await scheduler!.acquire({ targets: TARGETS });
    const second = scheduler!.acquire(WAITING);
    await until(scheduler!, 1);

    await first.release();
    const lease = await second;

    expect(lease.account).toBe('a1');
    expect(lease.replayed).toBe(false);
    expect(lease.queuedMs).toBeGreaterThan(0);
    expect(scheduler!.waiting()).toBe(0);
  });

  it('gets the slot that another daemon frees, well before it would ask again', async () => {
    const [one, other] = await someSchedulers(2, 1, {
      checkIntervalMs: 30_000,
      reapIntervalMs: 5000,
    });
    const first = await one!.acquire({ targets: TARGETS });
    const second = other!.acquire(WAITING);
    await until(other!, 1);

    await first.release();
    const lease = await second;

    expect(lease.fence).toBeGreaterThan(first.fence);
  });

  it('gets its slot although every message is lost', async () => {
    const [one, other] = await someSchedulers(2, 1, { checkIntervalMs: 100 });
    const first = await one!.acquire({ targets: TARGETS });
    const second = other!.acquire(WAITING);
    await until(other!, 1);
    const killer = setInterval(() => {
      void store.redis.call('client', ['kill', 'type', 'pubsub']).catch(() => undefined);
    }, 5);
    onTestFinished(() => clearInterval(killer));

    await first.release();

    expect((await second).account).toBe('a1');
  });

  it('is refused at its deadline', async () => {
    const [scheduler] = await someSchedulers(1);
    await scheduler!.acquire({ targets: TARGETS });

    const refused = scheduler!.acquire({ targets: TARGETS, waitMs: 150 });

    await expect(refused).rejects.toMatchObject({ code: 'queue_timeout' });
    expect(scheduler!.waiting()).toBe(0);
  });

  it('whose caller leaves frees its place', async () => {
    const [scheduler] = await someSchedulers(1);
    const first = await scheduler!.acquire({ targets: TARGETS });
    const caller = new AbortController();
    const left = scheduler!.acquire({ ...WAITING, signal: caller.signal });
    const patient = scheduler!.acquire(WAITING);
    await until(scheduler!, 2);

    caller.abort();
    await expect(left).rejects.toMatchObject({ code: 'client_closed' });
    await first.release();

    expect((await patient).account).toBe('a1');
  });

  it('is refused when its daemon stops, and leaves nothing behind', async () => {
    const [one, other] = await someSchedulers(2);
    const first = await one!.acquire({ targets: TARGETS });
    const waiting = other!.acquire(WAITING);
    await until(other!, 1);

    const refused = expect(waiting).rejects.toMatchObject({ code: 'shutting_down' });
    await other!.stop();
    await refused;
    await first.release();

    expect((await one!.acquire({ targets: TARGETS })).account).toBe('a1');
  });

  it('is let in by a raised limit', async () => {
    const [scheduler] = await someSchedulers(1);
    await scheduler!.acquire({ targets: TARGETS });
    const waiting = scheduler!.acquire(WAITING);
    await until(scheduler!, 1);

    await scheduler!.configure([anAccount({ slots: 2 })]);

    expect((await waiting).account).toBe('a1');
  });

  it('is queued again after the store has lost everything', async () => {
    const [scheduler] = await someSchedulers(1, 1, { checkIntervalMs: 100, recoveryMs: 200 });
    const first = await scheduler!.acquire({ targets: TARGETS });
    const waiting = scheduler!.acquire(WAITING);
    await until(scheduler!, 1);

    await store.redis.flushall();
    await expect.poll(() => first.release().catch(() => 'lost')).not.toBe('');

    expect((await waiting).account).toBe('a1');
  });
});

describe('many waiting callers of three daemons', () => {
  it('are all served, never above the limit, and leave every counter at 0', async () => {
    const schedulers = await someSchedulers(3, 4);
    const oracle = new Oracle();
    let served = 0;

    await Promise.all(
      Array.from({ length: 120 }, async (_, i) => {
        for (let turn = 0; turn < 5; turn += 1) {
          await schedulers[i % 3]!.withSlot(WAITING, async ({ account }) => {
            oracle.enter(account);
            await new Promise((resolve) => setTimeout(resolve, 1));
            oracle.leave(account);
            served += 1;
          });
        }
      }),
    );

    expect(served).toBe(600);
    expect(oracle.highest['a1']).toBeLessThanOrEqual(4);
  });
});

describe('an acquire that is asked twice under one id while it waits', () => {
  it('answers both, and keeps its place when one of them leaves', async () => {
    const [scheduler] = await someSchedulers(1);
    const held = await scheduler!.acquire({ targets: TARGETS });
    const wish = { ...WAITING, requestId: 'job', holder: 'h', renewal: 'by-holder' } as const;
    const leaving = new AbortController();
    const left = scheduler!.acquire({ ...wish, signal: leaving.signal });
    const stays = [scheduler!.acquire(wish), scheduler!.acquire(wish)];
    await until(scheduler!, 1);
    await expect.poll(() => scheduler!.waiting()).toBe(1);

    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'client_closed' });
    await held.release();
    const [one, other] = await Promise.all(stays);

    expect(one!.fence).toBe(other!.fence);
  });
});

describe('a daemon that stops', () => {
  it('refuses an acquire that is under way', async () => {
    const [one, other] = await someSchedulers(2);
    await one!.acquire({ targets: TARGETS });

    const asked = expect(other!.acquire(WAITING)).rejects.toMatchObject({ code: 'shutting_down' });
    await other!.stop();

    await asked;
    expect(other!.waiting()).toBe(0);
  });
});

describe('a release whose report has a fault', () => {
  it('is refused and ends nothing; the next one does', async () => {
    const [scheduler] = await someSchedulers(1);
    const lease = await scheduler!.acquire({ targets: TARGETS });

    await expect(lease.release({ costMicro: 0.5 })).rejects.toMatchObject({
      code: 'invalid_params',
    });

    expect(await lease.release()).toBe('released');
  });
});
