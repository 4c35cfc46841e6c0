// @module-tag redis_required
// What nobody used costs nothing, and what changes by itself is acted on at its time.
import { describe, expect, it, onTestFinished } from 'vitest';
import { insightInto } from '../../src/scheduler/insight.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aLoneScheduler, schedulerOptions } from '../support/schedulers.ts';

const store = useRedis();

describe('a grant whose caller left while it was asked for', () => {
  it('costs nothing of the budget', async () => {
    const [redis, cell] = [store.redis, store.cell()];
    const scheduler = new Scheduler(schedulerOptions({ redis, cell }));
    const budget = { warnMicro: 80, stopMicro: 100, period: 'none' } as const;
    await scheduler.configure([anAccount({ slots: 2 })], { tenants: [], timeZone: 'UTC', budget });
    await scheduler.start();
    onTestFinished(() => scheduler.stop());
    const leaving = new AbortController();
    const asked = scheduler.acquire({ targets: TARGETS, reserveMicro: 60, signal: leaving.signal });

    leaving.abort();
    await expect(asked).rejects.toMatchObject({ code: 'client_closed' });

    const insight = insightInto({ redis, cell, keyStyle: 'plain' });
    await expect
      .poll(async () => (await insight.budgets())[0])
      .toMatchObject({ settledMicro: 0, reservedMicro: 0 });
  });
});

describe('what changes by itself', () => {
  it('is acted on at its time, also for the first waiter of all', async () => {
    const slow = { reapIntervalMs: 20_000, checkIntervalMs: 20_000 };
    const { scheduler } = await aLoneScheduler(store, slow);
    await scheduler.acquire({ targets: TARGETS });
    await scheduler.acquire({ targets: TARGETS });
    const from = performance.now();

    const refused = scheduler.acquire({ targets: TARGETS, waitMs: 100 });

    await expect(refused).rejects.toMatchObject({ code: 'queue_timeout' });
    expect(performance.now() - from).toBeLessThan(5000);
  });
});
