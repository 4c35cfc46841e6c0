// @module-tag redis_required
// How leases live on and end otherwise than by their release: lost, reaped, aborted, stopped.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/scheduler/lease.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aLoneScheduler, aScheduler, untilTick } from '../support/schedulers.ts';

const store = useRedis();

describe('a held lease', () => {
  it('outlives its life many times over, as long as its holder lives', async () => {
    const { scheduler, count } = await aLoneScheduler(store, { leaseMs: 150 });
    const lease = await scheduler.acquire({ targets: TARGETS });
    const first = lease.expiresAtMs;

    await untilTick(scheduler, () => lease.expiresAtMs > first + 600);

    expect(lease.signal.aborted).toBe(false);
    expect(await count()).toBe(1);
    expect(await lease.release()).toBe('released');
  });

  it('that the store has taken back fires its signal and is not held any more', async () => {
    const { scheduler, redis, cell } = await aLoneScheduler(store, { leaseMs: 150 });
    const other = await aScheduler({ redis, cell });
    const lease = await scheduler.acquire({ targets: TARGETS, requestId: 'x' });
    const aborted = once(lease.signal, 'abort');
    const told = once(scheduler.events, 'lost');

    await other.cancel({ requestId: 'x' });
    await aborted;

    expect(lease.signal.reason).toMatchObject({ code: 'lease_lost' });
    expect((await told)[0]).toEqual({ requestId: 'x', account: 'a1' });
    expect(scheduler.held()).toBe(0);
    expect(await lease.release()).toBe('already');
  });

  it('whose signal is first asked for after its loss has fired already', async () => {
    const { scheduler, redis, cell } = await aLoneScheduler(store, { leaseMs: 150 });
    const other = await aScheduler({ redis, cell });
    const lease = await scheduler.acquire({ targets: TARGETS, requestId: 'x' });
    await other.cancel({ requestId: 'x' });

    await once(scheduler.events, 'lost');
    await Promise.resolve();

    expect(lease.signal.aborted).toBe(true);
  });
});

describe('a lease that its holder renews', () => {
  const request = { targets: TARGETS, requestId: 'x', renewal: 'by-holder' } as const;

  it('is not held here, and lives and ends by its name', async () => {
    const { scheduler, count } = await aLoneScheduler(store);
    const { fence, expiresAtMs } = await scheduler.acquire({ ...request, leaseMs: 5000 });

    const renewed = await scheduler.renew({ requestId: 'x', fence }, 50_000);
    const wrong = await scheduler.renew({ requestId: 'x', fence: fence + 1 });
    const other = await scheduler.release({ requestId: 'x', fence: fence + 1 });
    const released = await scheduler.release({ requestId: 'x', fence });
    const again = await scheduler.release({ requestId: 'x', fence });

    expect(scheduler.held()).toBe(0);
    expect(renewed.kind === 'renewed' && renewed.expiresAtMs).toBeGreaterThan(expiresAtMs);
    expect([wrong, other, released, again]).toEqual([
      { kind: 'lost' },
      'already',
      'released',
      'already',
    ]);
    expect(await count()).toBe(0);
  });

  it('comes back by itself when its holder is gone', async () => {
    const { scheduler, count } = await aLoneScheduler(store, { leaseMs: 120 });
    const reaped = once(scheduler.events, 'reaped');
    await scheduler.acquire(request);

    const [{ slots }] = (await reaped) as [{ slots: number }];

    expect(slots).toBe(1);
    expect(await count()).toBe(0);
  });
});

describe('an AbortSignal', () => {
  it('that fired before refuses without asking the store', async () => {
    const { scheduler } = await aLoneScheduler(store);
    const operations: number[] = [];
    scheduler.events.on('tick', (tick) => operations.push(tick.operations));

    const refusal = scheduler.acquire({ targets: TARGETS, signal: AbortSignal.abort() });

    await expect(refusal).rejects.toMatchObject({ code: 'client_closed' });
    expect(operations.filter((count) => count > 0)).toEqual([]);
  });

  it('that fires while acquiring gives the slot back', async () => {
    const { scheduler, count } = await aLoneScheduler(store);
    const controller = new AbortController();
    const released = once(scheduler.events, 'released');

    const refusal = scheduler.acquire({ targets: TARGETS, signal: controller.signal });
    controller.abort();

    await expect(refusal).rejects.toMatchObject({ code: 'client_closed' });
    expect((await released)[0]).toMatchObject({ outcome: 'ignored' });
    expect([await count(), scheduler.held()]).toEqual([0, 0]);
  });

  it('of a repeat does not give back what the first caller holds', async () => {
    const { scheduler, count } = await aLoneScheduler(store);
    const request = { targets: TARGETS, requestId: 'x' };
    const lease = await scheduler.acquire(request);
    const controller = new AbortController();

    const repeat = scheduler.acquire({ ...request, signal: controller.signal });
    controller.abort();
    await Promise.allSettled([repeat]);

    expect(await count()).toBe(1);
    expect(lease.signal.aborted).toBe(false);
  });
});

describe('stop', () => {
  it('gives back all that is held', async () => {
    const { scheduler, count } = await aLoneScheduler(store);
    await Promise.all([1, 2].map(() => scheduler.acquire({ targets: TARGETS })));

    await scheduler.stop();

    expect([await count(), scheduler.held()]).toEqual([0, 0]);
  });

  it('gives back what was being acquired when it was called', async () => {
    const { scheduler, count } = await aLoneScheduler(store);
    const leases: Lease[] = [];
    const late = scheduler.acquire({ targets: TARGETS }).then((lease) => leases.push(lease));
    const refused = expect(late).rejects.toMatchObject({ code: 'shutting_down' });

    await scheduler.stop();

    await refused;
    expect([await count(), scheduler.held(), leases.length]).toEqual([0, 0, 0]);
  });

  it('refuses new requests from its first moment, and may be called again', async () => {
    const { scheduler } = await aLoneScheduler(store);

    const stopping = scheduler.stop();
    const refusal = scheduler.acquire({ targets: TARGETS });

    await expect(refusal).rejects.toMatchObject({ code: 'shutting_down' });
    await stopping;
    await expect(scheduler.stop()).resolves.toBeUndefined();
  });
});

describe('cancel', () => {
  it('ends a held lease, refuses one to come, and says which', async () => {
    const { scheduler, count } = await aLoneScheduler(store);
    await scheduler.acquire({ targets: TARGETS, requestId: 'held' });

    const held = await scheduler.cancel({ requestId: 'held' });
    const early = await scheduler.cancel({ requestId: 'early' });
    const late = scheduler.acquire({ targets: TARGETS, requestId: 'early' });

    await expect(late).rejects.toMatchObject({ code: 'client_closed' });
    expect([held, early, await scheduler.cancel({ requestId: 'early' })]).toEqual([
      'was_granted',
      'cancelled',
      'already',
    ]);
    expect([await count(), scheduler.held()]).toEqual([0, 0]);
  });
});
