// @module-tag redis_required
// move: the account that failed comes back, another one serves the same request, in one step.
import { describe, expect, it } from 'vitest';
import type { AdmissionPolicy } from '../../src/scheduler/admission.ts';
import {
  classOf,
  counterOf,
  dumpOf,
  inFlightOf,
  leasesOf,
  ledgerOf,
  waitersOf,
} from '../support/cell-state.ts';
import {
  GPT4,
  aHeart,
  acquire,
  anAccount,
  cancel,
  check,
  release,
  renew,
} from '../support/heart.ts';
import { move } from '../support/failover.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const O3 = { pool: 'openai', model: 'o3' };
const TWO = [anAccount({ name: 'a1' }), anAccount({ name: 'a2' })];
const THREE = [...TWO, anAccount({ name: 'a3' })];

const BUDGETED: AdmissionPolicy = {
  timeZone: 'UTC',
  budget: { warnMicro: 900, stopMicro: 1000, period: 'none' },
  tenants: [{ name: 't', weight: 1, maxConcurrency: 1, requestsPerMinute: 60 }],
};

describe('move', () => {
  it('frees the account that failed and takes another one under a new fence', async () => {
    const heart = await aHeart(store, TWO);
    const fence = await heart.take('t/x');

    const told = await heart.ask(move('t/x', fence));

    expect(told).toMatchObject({ tag: 'moved', account: 'a2', targetIndex: 0, expiresAt: 100 });
    expect(told.fence).toBeGreaterThan(fence);
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 1 });
    expect(await counterOf(heart)).toBe('1');
    expect(await classOf(heart)).toEqual(['a1']);
  });

  it('keeps the record of the request, but for where it is held', async () => {
    const heart = await aHeart(store, TWO, { admission: BUDGETED });
    const fence = await heart.take('t/x', { reserveMicro: 300, tokens: 7 });
    const before = (await leasesOf(heart))['t/x'];
    heart.now = 40;

    const told = await heart.ask(move('t/x', fence));

    expect((await leasesOf(heart))['t/x']).toEqual({
      ...before,
      account: 'a2',
      attempt: 2,
      fence: told.fence,
      expiresAtMs: 140,
    });
  });

  it('never shortens the life of the lease', async () => {
    const heart = await aHeart(store, TWO);
    const fence = await heart.take('t/x', { leaseMs: 500 });

    const told = await heart.ask(move('t/x', fence, { leaseMs: 100 }));

    expect(told.expiresAt).toBe(500);
  });

  it('leaves what its tenant and its budget hold as it is, and settles it once', async () => {
    const heart = await aHeart(store, TWO, { admission: BUDGETED });
    const fence = await heart.take('t/x', { reserveMicro: 300 });
    const held = await ledgerOf(heart);

    const moved = await heart.ask(move('t/x', fence));
    const whileMoved = await ledgerOf(heart);
    const full = await heart.ask(acquire('t/y'));
    await heart.send({ ...release('t/x', moved.fence!), costMicro: 120 } as never);

    expect(whileMoved).toEqual(held);
    expect(full).toMatchObject({ tag: 'denied', reason: 'tenant_concurrency' });
    expect((await ledgerOf(heart))['*\t0']).toMatchObject({ settled: 120, reserved: 0 });
    expect(await heart.ask(acquire('t/y'))).toMatchObject({ tag: 'granted' });
  });

  it('charges the rate of each account that it takes', async () => {
    const limited = { ...anAccount({ name: 'a2' }), rates: { requestsPerMinute: 1 } };
    const heart = await aHeart(store, [anAccount({ name: 'a1' }), limited]);
    const first = await heart.take('t/x');
    const second = await heart.ask(move('t/x', first));
    await heart.send(release('t/x', second.fence!));
    const again = await heart.take('t/y');

    const told = await heart.ask(move('t/y', again));

    expect(second).toMatchObject({ tag: 'moved', account: 'a2' });
    expect(told).toMatchObject({ tag: 'denied', reason: 'pool_full' });
  });

  it('never takes an account that was tried, nor the one that it gives back', async () => {
    const heart = await aHeart(store, THREE);
    const first = await heart.take('t/x');
    const second = await heart.ask(move('t/x', first));

    const third = await heart.ask(move('t/x', second.fence!, { exclude: ['a1'] }));
    const fourth = await heart.ask(move('t/x', third.fence!, { exclude: ['a1', 'a2'] }));

    expect([second.account, third.account]).toEqual(['a2', 'a3']);
    expect(fourth).toMatchObject({ tag: 'denied', reason: 'pool_full' });
  });

  it('shows what it has excluded to the other operations of its batch', async () => {
    const heart = await aHeart(store, THREE);
    const fence = await heart.take('t/x');
    await heart.take('t/y');

    const told = await heart.send(
      move('t/x', fence, { exclude: ['a3'] }),
      acquire('t/1'),
      acquire('t/2'),
    );

    expect(told.map(({ tag, account }) => [tag, account])).toEqual([
      ['denied', undefined],
      ['granted', 'a3'],
      ['denied', undefined],
    ]);
  });

  it('with nothing free is denied and changes nothing', async () => {
    const heart = await aHeart(store, TWO);
    const fence = await heart.take('t/x');
    await heart.take('t/y');
    const before = await dumpOf(heart);

    const told = await heart.ask(move('t/x', fence, { exclude: ['a2', 'unknown'] }));

    expect(told).toEqual({ tag: 'denied', reason: 'pool_full', retryAfterMs: 0 });
    expect(await dumpOf(heart)).toEqual(before);
    expect(await heart.ask(release('t/x', fence))).toEqual({ tag: 'released' });
  });

  it('goes where it is told, in the order of its targets', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'a1', slots: 2 }),
      anAccount({ name: 'b1', models: ['o3'] }),
    ]);
    const fence = await heart.take('t/x');

    const told = await heart.ask(move('t/x', fence, { targets: [GPT4, O3] }));

    expect(told).toMatchObject({
      tag: 'moved',
      account: 'b1',
      target: 'openai:o3',
      targetIndex: 1,
    });
    expect([await counterOf(heart), await counterOf(heart, O3)]).toEqual(['0', '1']);
  });

  it('with an unknown target is a denial', async () => {
    const heart = await aHeart(store, TWO);
    const fence = await heart.take('t/x');

    const told = await heart.ask(move('t/x', fence, { targets: [{ pool: 'p', model: 'none' }] }));

    expect(told).toMatchObject({ tag: 'denied', reason: 'no_account_for_model' });
  });

  it.each([
    ['a later fence', 1],
    ['an earlier fence', -1],
  ])('with %s is lost and writes nothing', async (_, by) => {
    const heart = await aHeart(store, TWO);
    const fence = await heart.take('t/x');
    const before = await dumpOf(heart);

    const told = await heart.ask(move('t/x', fence + by));

    expect(told).toEqual({ tag: 'lost' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('of a request that has ended is lost', async () => {
    const heart = await aHeart(store, TWO);
    const fence = await heart.take('t/x');
    await heart.send(release('t/x', fence));

    expect(await heart.ask(move('t/x', fence))).toEqual({ tag: 'lost' });
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 0 });
  });

  it('gives nothing back for the old fence, by which a holder may renew that has not heard yet', async () => {
    const heart = await aHeart(store, THREE);
    const old = await heart.take('t/x');

    const [moved, renewed, already] = await heart.send(
      move('t/x', old),
      renew('t/x', old, 300),
      release('t/x', old),
    );

    expect(renewed).toEqual({ tag: 'renewed', fence: old, expiresAt: 300 });
    expect(already).toEqual({ tag: 'already' });
    expect(await heart.ask(renew('t/x', old - 1))).toEqual({ tag: 'lost' });
    expect(await heart.ask(renew('t/x', moved!.fence!))).toMatchObject({ tag: 'renewed' });
    expect(await heart.ask(release('t/x', moved!.fence!))).toEqual({ tag: 'released' });
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 0, a3: 0 });
  });

  it('asked twice moves once, and tells the same', async () => {
    const heart = await aHeart(store, THREE);
    const fence = await heart.take('t/x');

    const told = await heart.send(move('t/x', fence), move('t/x', fence));

    expect(told[1]).toEqual(told[0]);
    expect(told[0]).toMatchObject({ tag: 'moved', account: 'a2' });
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 1, a3: 0 });
  });

  it('hands the account that it gives back to a waiter of the same tick', async () => {
    const heart = await aHeart(store, [
      anAccount({ name: 'a1' }),
      anAccount({ name: 'a2', models: ['o3'] }),
    ]);
    const fence = await heart.take('t/x');
    await heart.ask(acquire('u/w', { waitMs: 1000 }));

    const news = await heart.news(move('t/x', fence, { targets: [GPT4, O3] }));

    expect(news['u/w']).toMatchObject({ tag: 'granted', account: 'a1' });
    expect(await waitersOf(heart)).toEqual([]);
  });

  it('can be ended by its id alone, and what is left of it is reaped', async () => {
    const heart = await aHeart(store, THREE);
    const [x, y] = [await heart.take('t/x'), await heart.take('t/y')];
    await heart.send(move('t/x', x), move('t/y', y, { exclude: ['a1'] }));

    const cancelled = await heart.ask(cancel('t/x'));
    heart.now = 100;
    await heart.send();

    expect(cancelled.tag).toBe('was_granted');
    expect(await heart.ask(check('t/y'))).toEqual({ tag: 'finished' });
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 0, a3: 0 });
  });

  it('is denied while the cell registers its leases again', async () => {
    const heart = await aHeart(store, TWO);
    const fence = await heart.take('t/x');
    const before = await heart.call([], { incarnation: heart.incarnation + 1, recoveryMs: 50 });

    const told = await heart.ask(move('t/x', fence));

    expect(before.kind).toBe('ok');
    expect(told).toEqual({ tag: 'denied', reason: 'recovering', retryAfterMs: 50 });
  });

  it('without memory in the store is a mistake, and the old slot stays', async () => {
    const heart = await aHeart(store, TWO);
    const fence = await heart.take('t/x');

    const reply = await heart.call([move('t/x', fence)], { entry: 'tick_oom' });

    expect(reply).toMatchObject({ told: [{ tag: 'error', mistake: 'out_of_memory' }] });
    expect(await inFlightOf(heart)).toEqual({ a1: 1, a2: 0 });
  });
});
