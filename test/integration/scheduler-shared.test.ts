// @module-tag redis_required
// Several schedulers on one cell: they share its slots, its configuration and its dead.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { audit, readCounters } from '../../src/scheduler/inspect.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';
import {
  Oracle,
  TARGETS,
  aScheduler,
  inFlight,
  runLoad,
  schedulerOptions,
  untilTick,
} from '../support/schedulers.ts';

const store = useRedis();
const ACCOUNTS = [
  anAccount({ name: 'a1', slots: 2 }),
  anAccount({ name: 'a2', slots: 5 }),
  anAccount({ name: 'a3', slots: 20 }),
];

describe('two schedulers under load', () => {
  it('never oversell an account, use each one fully, and leave nothing behind', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const schedulers = await Promise.all(
      ['one', 'two'].map(async (name) => {
        return await aScheduler({ redis: await store.connect(name), cell }, ACCOUNTS);
      }),
    );
    const oracle = new Oracle();

    const report = await runLoad(schedulers, oracle, { workers: 80, requests: 4000 });

    expect(oracle.highest).toEqual({ a1: 2, a2: 5, a3: 20 });
    expect(report.served).toBeGreaterThan(1000);
    expect(Object.keys(report.refused)).toEqual(['pool_full']);
    expect(await inFlight(redis, cell)).toBe(0);
    expect(await audit({ redis, cell, keyStyle: 'plain' })).toEqual({
      differences: [],
      leases: 0,
      complete: true,
    });
  });

  it('that release for one another count each slot once', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const [one, two] = await Promise.all([1, 2].map(() => aScheduler({ redis, cell }, ACCOUNTS)));
    const { fence } = await one!.acquire({ targets: TARGETS, requestId: 'x' });

    const answers = await Promise.all([
      one!.release({ requestId: 'x', fence }),
      two!.release({ requestId: 'x', fence }),
    ]);

    expect([...answers].sort()).toEqual(['already', 'released']);
    expect(await inFlight(redis, cell)).toBe(0);
  });
});

describe('configurations', () => {
  it('of two schedulers at once leave both working with the same one', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const [one, two] = await Promise.all([1, 2].map(() => aScheduler({ redis, cell })));

    await Promise.all([
      one!.configure([anAccount({ slots: 3 })]),
      two!.configure([anAccount({ slots: 7 })]),
    ]);
    const { accounts } = await readCounters({ redis, cell, keyStyle: 'plain' });
    const taken = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? one! : two!).acquire({ targets: TARGETS })),
    );

    const granted = taken.filter(({ status }) => status === 'fulfilled').length;
    expect([3, 7]).toContain(accounts[0]!.limit);
    expect(granted).toBe(accounts[0]!.limit);
  });

  it('reach every scheduler with its next request', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const [one, two] = await Promise.all([1, 2].map(() => aScheduler({ redis, cell })));

    await one!.configure([anAccount({ name: 'other' })]);
    const lease = await two!.acquire({ targets: TARGETS });

    expect(lease.account).toBe('other');
  });

  it('that were superseded do not come back, whoever ticks', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const old = await aScheduler({ redis, cell }, [anAccount({ slots: 20 })]);
    const recent = await aScheduler({ redis, cell }, [anAccount({ slots: 1 })]);

    for (let i = 0; i < 3; i += 1) await Promise.all([old.ping(), recent.ping(), old.reap()]);
    await old.configure([anAccount({ slots: 20 })]);

    const { accounts } = await readCounters({ redis, cell, keyStyle: 'plain' });
    expect(accounts[0]!.limit).toBe(1);
  });

  it('that change a hundred times under load oversell nothing beyond the highest limit', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const [one, two] = await Promise.all([1, 2].map(() => aScheduler({ redis, cell })));
    const oracle = new Oracle();

    const load = runLoad([one!, two!], oracle, { workers: 40, requests: 4000 });
    for (let i = 0; i < 100; i += 1) {
      await (i % 3 === 0 ? two! : one!).configure([anAccount({ slots: i % 2 === 0 ? 1 : 6 })]);
    }
    const report = await load;

    expect(oracle.highest['a1']).toBeLessThanOrEqual(6);
    expect(report.served).toBeGreaterThan(100);
    expect(Object.keys(report.refused)).toEqual(['pool_full']);
    expect(await inFlight(redis, cell)).toBe(0);
  });
});

describe('a scheduler that joins', () => {
  it('works with the accounts that the cell has', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    await aScheduler({ redis, cell });
    const visitor = new Scheduler(schedulerOptions({ redis, cell }));

    await visitor.join();
    const lease = await visitor.acquire({ targets: TARGETS });
    await visitor.stop();

    expect(lease.account).toBe('a1');
    expect(await inFlight(redis, cell)).toBe(0);
  });

  it('is told where there is none', async () => {
    const visitor = new Scheduler(schedulerOptions({ redis: store.redis, cell: store.cell() }));

    await expect(visitor.join()).rejects.toMatchObject({ code: 'no_account_for_model' });
  });
});

describe('the leases of a daemon that died', () => {
  it('come back to the others within their life and a reap interval', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const accounts = [anAccount({ slots: 50 })];
    const alive = await aScheduler({ redis, cell }, accounts);
    const connection = await store.connect('doomed');
    const doomed = new Scheduler(schedulerOptions({ redis: connection, cell, leaseMs: 400 }));
    await doomed.configure(accounts);
    await doomed.start();
    await Promise.all(Array.from({ length: 50 }, () => doomed.acquire({ targets: TARGETS })));
    const began = performance.now();

    connection.disconnect();
    await untilTick(alive, async () => (await inFlight(redis, cell)) === 0);

    expect(performance.now() - began).toBeLessThan(400 + 100 + 1000);
  });

  it('come back to a lone reap, also where short lives meet a long recovery', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const wish = { redis, cell, leaseMs: 50, reapIntervalMs: 200, recoveryMs: 500 };
    const connection = await store.connect('doomed');
    const doomed = new Scheduler(schedulerOptions({ ...wish, redis: connection }));
    await doomed.configure([anAccount()]);
    await doomed.start();
    await doomed.acquire({ targets: TARGETS });
    connection.disconnect();
    const visitor = new Scheduler(schedulerOptions(wish));
    await visitor.join();

    const slots = await visitor.reap();

    expect(slots).toBe(1);
    expect(await inFlight(redis, cell)).toBe(0);
  });

  it('are lost to it when it wakes up, and it hears so', async () => {
    const [cell, redis] = [store.cell(), store.redis];
    const alive = await aScheduler({ redis, cell });
    const sleeper = await aScheduler({ redis: await store.connect('sleeper'), cell, leaseMs: 200 });
    const lease = await sleeper.acquire({ targets: TARGETS });
    const lost = once(sleeper.events, 'lost');

    // The event loop stands still beyond the lease, as in a long garbage collection.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    await lost;

    expect(lease.signal.aborted).toBe(true);
    await untilTick(alive, async () => (await inFlight(redis, cell)) === 0);
  });
});
