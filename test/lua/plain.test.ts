// @module-tag redis_required
// Ids that were made just now take a short way where no rule has anything to look at. It must end
// wherever a rule has: at a waiter, a tenant, a rate, a repeated id.
import { describe, expect, it } from 'vitest';
import type { AdmissionPolicy } from '../../src/scheduler/admission.ts';
import { inFlightOf } from '../support/cell-state.ts';
import type { Heart } from '../support/heart.ts';
import { aHeart, acquire, anAccount, register, release } from '../support/heart.ts';
import type { Operation } from '../../src/scheduler/wire.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const BACKUP = { pool: 'backup', model: 'gpt-4' };
const CAPPED: AdmissionPolicy = {
  timeZone: 'UTC',
  tenants: [{ name: 'capped', weight: 1, maxConcurrency: 1 }],
};

const fresh = (id: string, wish = {}) => acquire(id, { isFresh: true, ...wish });

/** One account of `openai`, and one of `backup` with room for many. */
const twoPools = () => [anAccount(), anAccount({ name: 'b1', pool: 'backup', slots: 5 })];

async function flowsOf(heart: Heart): Promise<readonly string[]> {
  return (await heart.redis.hkeys(heart.keys.flows)).filter((field) => field.includes('\t')).sort();
}

describe('an id that was made just now', () => {
  it('is granted once, however often a batch asks', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);

    const told = await heart.send(fresh('t/x'), fresh('t/x'), fresh('t/x', { holder: 'other' }));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'replayed', 'error']);
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });

  it('is refused without a life, and without a known demand', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })]);

    const told = await heart.send(
      fresh('t/x', { leaseMs: 0 }),
      fresh('t/y', { targets: [BACKUP] }),
    );

    expect(told).toEqual([
      { tag: 'error', mistake: 'invalid_lease' },
      expect.objectContaining({ tag: 'denied', reason: 'no_account_for_model' }),
    ]);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
  });

  it('is charged with its share where somebody waits', async () => {
    const heart = await aHeart(store, twoPools());
    await heart.send(fresh('t/1'), acquire('t/2', { waitMs: 1000 }));

    await heart.send(fresh('u/3', { targets: [BACKUP] }));

    expect(await flowsOf(heart)).toContain('backup\tu');
  });

  it('is charged with its share where somebody began to wait before it in its batch', async () => {
    const heart = await aHeart(store, twoPools());

    const told = await heart.send(
      fresh('t/1'),
      fresh('t/2', { waitMs: 1000 }),
      fresh('u/3', { targets: [BACKUP] }),
    );

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'queued', 'granted']);
    expect(await flowsOf(heart)).toContain('backup\tu');
  });

  it('leaves no trace in the shares where nobody waits', async () => {
    const heart = await aHeart(store, twoPools());

    await heart.send(fresh('u/3', { targets: [BACKUP] }));

    expect(await flowsOf(heart)).toEqual([]);
  });

  it("is held to its tenant's cap within one batch", async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })], { admission: CAPPED });

    const told = await heart.send(fresh('capped/1'), fresh('capped/2'), fresh('stranger/3'));

    expect(told[1]).toMatchObject({ tag: 'denied', reason: 'tenant_concurrency' });
    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'denied', 'granted']);
    expect(await inFlightOf(heart)).toEqual({ a1: 2 });
  });

  it('takes no more than the requests of an account within one batch', async () => {
    const rates = { requestsPerMinute: 60, requestsBurst: 2 };
    const heart = await aHeart(store, [{ ...anAccount({ slots: 5 }), rates }]);

    const told = await heart.send(fresh('t/1'), fresh('t/2'), fresh('t/3'));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'granted', 'denied']);
  });

  it('pays at its end for the tokens that it used beyond its estimate', async () => {
    const rates = { tokensPerMinute: 60, tokensBurst: 50 };
    const heart = await aHeart(store, [{ ...anAccount({ slots: 5 }), rates }]);
    const fence = await heart.take('t/1', { isFresh: true, tokens: 10 });

    await heart.send({ ...release('t/1', fence), tokens: 500 } as Operation);

    const told = await heart.ask(fresh('t/2'));
    expect(told).toMatchObject({ tag: 'denied', reason: 'pool_full' });
  });
});

describe('a lease that was registered again', () => {
  it('gives its tenant back what it was charged', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 5 })], { admission: CAPPED });
    const fence = 5; // of an incarnation that the store has lost
    await heart.send(register('capped/x', { fence }));

    const told = await heart.send(release('capped/x', fence));

    const state = await heart.redis.hgetBuffer(heart.keys.tenantState, 'capped');
    expect(told).toEqual([{ tag: 'released' }]);
    expect(state?.readUInt32LE(0)).toBe(0);
  });
});
