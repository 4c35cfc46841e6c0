// @module-tag redis_required
// One scheduler and its leases: taken once, given back once, lost aloud.
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/scheduler/lease.ts';
import { anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aScheduler, inFlight, untilTick } from '../support/schedulers.ts';

const store = useRedis();

/** A scheduler on a cell of its own, one account with two slots. */
async function alone(wish: { readonly leaseMs?: number } = {}) {
  const [redis, cell] = [store.redis, store.cell()];
  const scheduler = await aScheduler({ redis, cell, ...wish });
  return { scheduler, count: () => inFlight(redis, cell), redis, cell };
}

describe('acquire', () => {
  it('takes a slot that release gives back', async () => {
    const { scheduler, count } = await alone();

    const lease = await scheduler.acquire({ targets: TARGETS });
    const during = [await count(), scheduler.held()];
    const result = await lease.release();

    expect(lease).toMatchObject({ account: 'a1', targetIndex: 0, replayed: false });
    expect(lease.target).toEqual({ pool: 'openai', model: 'gpt-4' });
    expect(during).toEqual([1, 1]);
    expect(result).toBe('released');
    expect([await count(), scheduler.held()]).toEqual([0, 0]);
  });

  it('throws the reason with a time to try again; tryAcquire has it as a value', async () => {
    const { scheduler } = await alone();
    const request = { targets: TARGETS };
    await Promise.all([scheduler.acquire(request), scheduler.acquire(request)]);

    const refusal = scheduler.acquire(request);
    const denied = await scheduler.tryAcquire(request);

    await expect(refusal).rejects.toMatchObject({ code: 'pool_full', retryAfterMs: 1000 });
    expect(denied).toEqual({ kind: 'denied', reason: 'pool_full', retryAfterMs: 1000 });
  });

  it('of a model that nobody serves is refused as such', async () => {
    const { scheduler } = await alone();

    const refusal = scheduler.acquire({ targets: [{ pool: 'openai', model: 'gpt-9' }] });

    await expect(refusal).rejects.toMatchObject({ code: 'no_account_for_model' });
  });

  it.each([
    ['an empty id', { requestId: '' }, 'invalid_id'],
    ['an id with a space', { requestId: 'a b' }, 'invalid_id'],
    ['an id beyond 128 characters', { requestId: 'x'.repeat(129) }, 'invalid_id'],
    ['an id with a line feed', { requestId: 'a\nb' }, 'invalid_id'],
    ['a tenant with a slash', { tenant: 'a/b' }, 'invalid_params'],
    ['no targets', { targets: [] }, 'invalid_params'],
    ['a target with a tab', { targets: [{ pool: 'a\tb', model: 'm' }] }, 'invalid_params'],
    ['an empty model', { targets: [{ pool: 'a', model: '' }] }, 'invalid_params'],
    ['17 targets', { targets: Array(17).fill(TARGETS[0]) }, 'invalid_params'],
    ['no life', { leaseMs: 0 }, 'invalid_params'],
    ['half a millisecond', { leaseMs: 10.5 }, 'invalid_params'],
    ['a life beyond the longest', { leaseMs: 60_001 }, 'invalid_params'],
  ])('of %s is the caller’s mistake', async (_, wish, code) => {
    const { scheduler, count } = await alone();

    const refusal = scheduler.acquire({ targets: TARGETS, ...wish });

    await expect(refusal).rejects.toMatchObject({ name: 'AppError', code });
    expect(await count()).toBe(0);
  });
});

describe('the same request id', () => {
  const request = { targets: TARGETS, requestId: 'order-1' };

  it('asked twice at once and once later is one lease, the very same object', async () => {
    const { scheduler, count } = await alone();

    const [first, second] = await Promise.all([
      scheduler.acquire(request),
      scheduler.acquire(request),
    ]);
    const third = await scheduler.acquire(request);

    expect(second).toBe(first);
    expect(third).toBe(first);
    expect([await count(), scheduler.held()]).toEqual([1, 1]);
  });

  it('at another daemon is the same lease for the same holder, marked as replayed', async () => {
    const { scheduler, redis, cell, count } = await alone();
    const other = await aScheduler({ redis, cell });

    const first = await scheduler.acquire({ ...request, holder: 'api' });
    const again = await other.acquire({ ...request, holder: 'api' });

    expect(again).toMatchObject({ fence: first.fence, account: first.account, replayed: true });
    expect(await count()).toBe(1);
  });

  it.each([
    ['another holder', { holder: 'somebody' }],
    ['another life', { leaseMs: 1234 }],
    ['other targets', { targets: [...TARGETS, { pool: 'openai', model: 'gpt-5' }] }],
  ])('with %s is a duplicate request', async (_, wish) => {
    const { scheduler, count } = await alone();
    await scheduler.acquire(request);

    const refusal = scheduler.acquire({ ...request, ...wish });

    await expect(refusal).rejects.toMatchObject({ code: 'duplicate_request' });
    expect(await count()).toBe(1);
  });

  it('of another tenant is another lease', async () => {
    const { scheduler, count } = await alone();

    const one = await scheduler.acquire({ ...request, tenant: 'one' });
    const two = await scheduler.acquire({ ...request, tenant: 'two' });

    expect(two.fence).toBeGreaterThan(one.fence);
    expect(await count()).toBe(2);
  });

  it('that has ended is a duplicate request', async () => {
    const { scheduler } = await alone();
    await (await scheduler.acquire(request)).release();

    const refusal = scheduler.acquire(request);

    await expect(refusal).rejects.toMatchObject({ code: 'duplicate_request' });
  });

  it('taken again in the very turn of its release leaves no slot behind', async () => {
    const { scheduler, count } = await alone();
    const lease = await scheduler.acquire({ targets: TARGETS });

    const both = [
      lease.release(),
      scheduler.acquire({ targets: TARGETS, requestId: lease.requestId }),
    ];
    const results = await Promise.allSettled(both);
    await scheduler.stop();

    expect(results[0]).toMatchObject({ value: 'released' });
    expect(await count()).toBe(0);
  });
});

describe('release', () => {
  it('is idempotent: all callers get the answer of the first', async () => {
    const { scheduler, count } = await alone();
    const lease = await scheduler.acquire({ targets: TARGETS });
    await scheduler.acquire({ targets: TARGETS });

    const answers = await Promise.all([lease.release(), lease.release(), lease.release()]);

    expect(answers).toEqual(['released', 'released', 'released']);
    expect(await count()).toBe(1);
  });

  it('that comes after the slot was given to another frees nothing', async () => {
    const { scheduler, redis, cell, count } = await alone();
    const other = await aScheduler({ redis, cell }, [anAccount({ slots: 2 })]);
    const late = await scheduler.acquire({ targets: TARGETS, requestId: 'late' });
    await other.cancel({ requestId: 'late' });
    await Promise.all([1, 2].map(() => other.acquire({ targets: TARGETS })));

    const answer = await late.release();

    expect(answer).toBe('already');
    expect(await count()).toBe(2);
  });

  it('happens at the end of `await using`', async () => {
    const { scheduler, count } = await alone();

    {
      await using lease = await scheduler.acquire({ targets: TARGETS });
      expect([lease.account, await count()]).toEqual(['a1', 1]);
    }

    expect(await count()).toBe(0);
  });

  it('happens at the end of withSlot, whether its work succeeds or fails', async () => {
    const { scheduler, count } = await alone();
    const outcomes: string[] = [];
    scheduler.events.on('released', ({ outcome }) => outcomes.push(outcome));

    const result = await scheduler.withSlot({ targets: TARGETS }, () => Promise.resolve(42));
    const failure = scheduler.withSlot({ targets: TARGETS }, () => Promise.reject(new Error('x')));

    await expect(failure).rejects.toThrow('x');
    expect(result).toBe(42);
    expect(outcomes).toEqual(['success', 'failed']);
    expect(await count()).toBe(0);
  });
});

describe('a held lease', () => {
  it('outlives its life many times over, as long as its holder lives', async () => {
    const { scheduler, count } = await alone({ leaseMs: 150 });
    const lease = await scheduler.acquire({ targets: TARGETS });
    const first = lease.expiresAtMs;

    await untilTick(scheduler, () => lease.expiresAtMs > first + 600);

    expect(lease.signal.aborted).toBe(false);
    expect(await count()).toBe(1);
    expect(await lease.release()).toBe('released');
  });

  it('that the store has taken back fires its signal and is not held any more', async () => {
    const { scheduler, redis, cell } = await alone({ leaseMs: 150 });
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
    const { scheduler, redis, cell } = await alone({ leaseMs: 150 });
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
    const { scheduler, count } = await alone();
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
    const { scheduler, count } = await alone({ leaseMs: 120 });
    const reaped = once(scheduler.events, 'reaped');
    await scheduler.acquire(request);

    const [{ slots }] = (await reaped) as [{ slots: number }];

    expect(slots).toBe(1);
    expect(await count()).toBe(0);
  });
});

describe('an AbortSignal', () => {
  it('that fired before refuses without asking the store', async () => {
    const { scheduler } = await alone();
    const operations: number[] = [];
    scheduler.events.on('tick', (tick) => operations.push(tick.operations));

    const refusal = scheduler.acquire({ targets: TARGETS, signal: AbortSignal.abort() });

    await expect(refusal).rejects.toMatchObject({ code: 'client_closed' });
    expect(operations.filter((count) => count > 0)).toEqual([]);
  });

  it('that fires while acquiring gives the slot back', async () => {
    const { scheduler, count } = await alone();
    const controller = new AbortController();
    const released = once(scheduler.events, 'released');

    const refusal = scheduler.acquire({ targets: TARGETS, signal: controller.signal });
    controller.abort();

    await expect(refusal).rejects.toMatchObject({ code: 'client_closed' });
    expect((await released)[0]).toMatchObject({ outcome: 'ignored' });
    expect([await count(), scheduler.held()]).toEqual([0, 0]);
  });

  it('of a repeat does not give back what the first caller holds', async () => {
    const { scheduler, count } = await alone();
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
    const { scheduler, count } = await alone();
    await Promise.all([1, 2].map(() => scheduler.acquire({ targets: TARGETS })));

    await scheduler.stop();

    expect([await count(), scheduler.held()]).toEqual([0, 0]);
  });

  it('gives back what was being acquired when it was called', async () => {
    const { scheduler, count } = await alone();
    const leases: Lease[] = [];
    const late = scheduler.acquire({ targets: TARGETS }).then((lease) => leases.push(lease));
    const refused = expect(late).rejects.toMatchObject({ code: 'shutting_down' });

    await scheduler.stop();

    await refused;
    expect([await count(), scheduler.held(), leases.length]).toEqual([0, 0, 0]);
  });

  it('refuses new requests from its first moment, and may be called again', async () => {
    const { scheduler } = await alone();

    const stopping = scheduler.stop();
    const refusal = scheduler.acquire({ targets: TARGETS });

    await expect(refusal).rejects.toMatchObject({ code: 'shutting_down' });
    await stopping;
    await expect(scheduler.stop()).resolves.toBeUndefined();
  });
});

describe('cancel', () => {
  it('ends a held lease, refuses one to come, and says which', async () => {
    const { scheduler, count } = await alone();
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
