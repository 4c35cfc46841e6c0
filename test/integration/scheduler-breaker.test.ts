// @module-tag redis_required
// An account that goes bad, as a fleet of daemons sees it: on the server's own clock.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { audit } from '../../src/scheduler/inspect.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { eventually } from '../support/eventually.ts';
import { aBreakable } from '../support/health.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler } from '../support/schedulers.ts';

const store = useRedis();
/** Fences rise with every grant; this is the highest one before a breaker's last change. */
const SINCE_AT = CODES.BREAKER.head + 40;

async function aFleet(accounts: Parameters<typeof aScheduler>[1]) {
  const [redis, cell] = [store.redis, store.cell()];
  const schedulers: Scheduler[] = [];
  for (let i = 0; i < 3; i += 1) schedulers.push(await aScheduler({ redis, cell }, accounts));
  return { schedulers, redis, cell };
}

describe('an account that turns to failures', () => {
  it('gets no request of the whole fleet after the trip', async () => {
    const accounts = ['a1', 'a2', 'a3'].map((name) =>
      aBreakable({ name, slots: 10 }, { openMs: 60_000, maxOpenMs: 60_000 }),
    );
    const { schedulers, redis, cell } = await aFleet(accounts);
    const told = Promise.race(schedulers.map(({ events }) => once(events, 'health')));
    const granted: { readonly account: string; readonly fence: number }[] = [];
    const work = async (scheduler: Scheduler): Promise<void> => {
      for (let i = 0; i < 60; i += 1) {
        const lease = await scheduler.acquire({ targets: TARGETS });
        granted.push(lease);
        await lease.release({ outcome: lease.account === 'a2' ? 'failed' : 'success' });
      }
    };

    await Promise.all(schedulers.flatMap((scheduler) => [work(scheduler), work(scheduler)]));

    const record = await redis.hgetBuffer(cellKeys(cell).health, 'a2');
    const trippedAt = record!.readDoubleLE(SINCE_AT);
    const after = granted.filter(({ fence }) => fence > trippedAt);
    expect((await told)[0]).toMatchObject({ account: 'a2', change: 'open', reason: 'failed' });
    expect(granted.some(({ account }) => account === 'a2')).toBe(true);
    expect(after.length).toBeGreaterThan(200);
    expect(after.filter(({ account }) => account === 'a2')).toEqual([]);
    expect((await audit({ redis, cell, keyStyle: 'plain' })).differences).toEqual([]);
  });

  it('is probed by one of them alone, and comes back for all when that succeeds', async () => {
    const { schedulers } = await aFleet([
      aBreakable({ slots: 10 }, { openMs: 150, windowMs: 60_000 }),
    ]);
    const [first] = schedulers;
    for (let i = 0; i < 3; i += 1) {
      await (await first!.acquire({ targets: TARGETS })).release({ outcome: 'failed' });
    }
    const ask = (scheduler: Scheduler) => scheduler.tryAcquire({ targets: TARGETS });
    const refused = await Promise.all(schedulers.map(ask));
    const probe = await first!.acquire({ targets: TARGETS, waitMs: 5000 });

    const during = await Promise.all(schedulers.map(ask));
    await probe.release();
    const after = await Promise.all(schedulers.map(ask));

    expect(refused.map((told) => told.kind === 'denied' && told.reason)).toEqual(
      Array(3).fill('breaker_open'),
    );
    expect(during.map(({ kind }) => kind)).toEqual(Array(3).fill('denied'));
    expect(after.map(({ kind }) => kind)).toEqual(Array(3).fill('granted'));
  });

  it('for good is out of use until an operator brings it back', async () => {
    const { schedulers } = await aFleet([aBreakable()]);
    const [first, second, third] = schedulers;
    await (await first!.acquire({ targets: TARGETS })).release({ outcome: 'unusable' });

    const during = await second!.tryAcquire({ targets: TARGETS });
    const unknown = await third!.resetHealth('nobody');
    const known = await third!.resetHealth('a1');

    expect(during).toMatchObject({ kind: 'denied', reason: 'no_account_for_model' });
    expect([unknown, known]).toEqual([false, true]);
    await eventually(async () => {
      expect((await second!.tryAcquire({ targets: TARGETS })).kind).toBe('granted');
    });
  });
});
