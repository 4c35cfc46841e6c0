// @module-tag redis_required
// One scheduler and its leases: taken once, given back once.
import { describe, expect, it } from 'vitest';
import { anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aLoneScheduler, aScheduler } from '../support/schedulers.ts';

const store = useRedis();

describe('acquire', () => {
  it('takes a slot that release gives back', async () => {
    const { scheduler, count } = await aLoneScheduler(store);

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
    const { scheduler } = await aLoneScheduler(store);
    const request = { targets: TARGETS };
    await Promise.all([scheduler.acquire(request), scheduler.acquire(request)]);

    const refusal = scheduler.acquire(request);
    const denied = await scheduler.tryAcquire(request);

    await expect(refusal).rejects.toMatchObject({ code: 'pool_full', retryAfterMs: 1000 });
    expect(denied).toEqual({ kind: 'denied', reason: 'pool_full', retryAfterMs: 1000 });
  });

  it('of a model that nobody serves is refused as such', async () => {
    const { scheduler } = await aLoneScheduler(store);

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
    const { scheduler, count } = await aLoneScheduler(store);

    const refusal = scheduler.acquire({ targets: TARGETS, ...wish });

    await expect(refusal).rejects.toMatchObject({ name: 'AppError', code });
    expect(await count()).toBe(0);
  });
});

describe('the same request id', () => {
  const request = { targets: TARGETS, requestId: 'order-1' };

  it('asked twice at once and once later is one lease, the very same object', async () => {
    const { scheduler, count } = await aLoneScheduler(store);

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
    const { scheduler, redis, cell, count } = await aLoneScheduler(store);
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
    const { scheduler, count } = await aLoneScheduler(store);
    await scheduler.acquire(request);

    const refusal = scheduler.acquire({ ...request, ...wish });

    await expect(refusal).rejects.toMatchObject({ code: 'duplicate_request' });
    expect(await count()).toBe(1);
  });

  it('of another tenant is another lease', async () => {
    const { scheduler, count } = await aLoneScheduler(store);

    const one = await scheduler.acquire({ ...request, tenant: 'one' });
    const two = await scheduler.acquire({ ...request, tenant: 'two' });

    expect(two.fence).toBeGreaterThan(one.fence);
    expect(await count()).toBe(2);
  });

  it('that has ended is a duplicate request', async () => {
    const { scheduler } = await aLoneScheduler(store);
    await (await scheduler.acquire(request)).release();

    const refusal = scheduler.acquire(request);

    await expect(refusal).rejects.toMatchObject({ code: 'duplicate_request' });
  });

  it('taken again in the very turn of its release leaves no slot behind', async () => {
    const { scheduler, count } = await aLoneScheduler(store);
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
    const { scheduler, count } = await aLoneScheduler(store);
    const lease = await scheduler.acquire({ targets: TARGETS });
    await scheduler.acquire({ targets: TARGETS });

    const answers = await Promise.all([lease.release(), lease.release(), lease.release()]);

    expect(answers).toEqual(['released', 'released', 'released']);
    expect(await count()).toBe(1);
  });

  it('that comes after the slot was given to another frees nothing', async () => {
    const { scheduler, redis, cell, count } = await aLoneScheduler(store);
    const other = await aScheduler({ redis, cell }, [anAccount({ slots: 2 })]);
    const late = await scheduler.acquire({ targets: TARGETS, requestId: 'late' });
    await other.cancel({ requestId: 'late' });
    await Promise.all([1, 2].map(() => other.acquire({ targets: TARGETS })));

    const answer = await late.release();

    expect(answer).toBe('already');
    expect(await count()).toBe(2);
  });

  it('happens at the end of `await using`', async () => {
    const { scheduler, count } = await aLoneScheduler(store);

    {
      await using lease = await scheduler.acquire({ targets: TARGETS });
      expect([lease.account, await count()]).toEqual(['a1', 1]);
    }

    expect(await count()).toBe(0);
  });

  it('happens at the end of withSlot, whether its work succeeds or fails', async () => {
    const { scheduler, count } = await aLoneScheduler(store);
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
