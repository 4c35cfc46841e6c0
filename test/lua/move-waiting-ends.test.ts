// @module-tag redis_required
// How a move that waits comes to its end, whatever happens meanwhile: each time everything is settled
// once, and nothing is left.
import { describe, expect, it } from 'vitest';
import type { AdmissionPolicy } from '../../src/scheduler/admission.ts';
import {
  finishedOf,
  inFlightOf,
  leasesOf,
  ledgerOf,
  setAsideOf,
  waitersOf,
  wroteBehind,
} from '../support/cell-state.ts';
import { aHeart, acquire, anAccount, cancel, register, release, renew } from '../support/heart.ts';
import type { Heart } from '../support/heart.ts';
import { anotherDaemon, laned } from '../support/laned.ts';
import { move } from '../support/failover.ts';
import { expectNobodyWaits, expectSound, patient } from '../support/moving.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const TWO = [anAccount({ name: 'a1' }), anAccount({ name: 'a2' })];
const THREE = [...TWO, anAccount({ name: 'a3' })];

const BUDGETED: AdmissionPolicy = {
  timeZone: 'UTC',
  budget: { warnMicro: 900, stopMicro: 1000, period: 'none' },
  tenants: [{ name: 't', weight: 1, maxConcurrency: 1 }],
};

/** x, of another daemon, waits for another account than a1; y is on a2. */
async function aWaitingMove(wish: object = {}) {
  const heart = await aHeart(store, TWO, { admission: BUDGETED });
  const other = await anotherDaemon(heart, 'daemon-2');
  const x = await other.take('t/x', { reserveMicro: 300, leaseMs: 9000 });
  const y = await heart.take('u/y', { leaseMs: 9000 });
  await other.ask(patient('t/x', x, { leaseMs: 9000, waitMs: 20_000, ...wish }));
  return { heart, other, x, y };
}

async function expectSettled(heart: Heart, settled: number, presumed = 0): Promise<void> {
  expect((await ledgerOf(heart))['*\t0']).toMatchObject({ settled, presumed, reserved: 0 });
  expect(Object.values(await inFlightOf(heart))).toEqual([0, 0]);
  expect(await leasesOf(heart)).toEqual({});
  await expectNobodyWaits(heart);
  expect(await heart.ask(acquire('t/next'))).toMatchObject({ tag: 'granted' });
}

describe('a move that waits', () => {
  it('is refused at its deadline; its lease is held without an account until it is given back', async () => {
    const { heart, other, x, y } = await aWaitingMove({ waitMs: 500 });
    other.now = 500;

    const news = await other.news();
    const lease = (await leasesOf(heart))['t/x'];
    const full = await heart.ask(acquire('t/2'));
    const { younger, older } = await finishedOf(heart);
    await expectNobodyWaits(heart);
    await heart.send({ ...release('t/x', x), costMicro: 40 } as never, release('u/y', y));

    expect(news).toEqual({ 't/x': { tag: 'denied', reason: 'queue_timeout', retryAfterMs: 0 } });
    expect(lease).toMatchObject({ account: '-', fence: x });
    expect([...younger, ...older]).toEqual([]);
    expect(full).toMatchObject({ tag: 'denied', reason: 'tenant_concurrency' });
    await expectSettled(heart, 40);
  });

  it('after its deadline may be asked again, and never gets the account that it has left', async () => {
    const { other, heart, x, y } = await aWaitingMove({ waitMs: 500 });
    other.now = 500;
    await other.send();

    const none = await other.ask(move('t/x', x));
    const queued = await other.ask(patient('t/x', x));
    const news = await heart.call([release('u/y', y)]);
    const again = await other.ask(patient('t/x', x));

    expect(none).toMatchObject({ tag: 'denied', reason: 'pool_full' });
    expect(queued.tag).toBe('queued');
    expect(news.kind).toBe('ok');
    expect(again).toMatchObject({ tag: 'moved', account: 'a2' });
    await expectNobodyWaits(heart);
  });

  it('asked for without patience gives its place up', async () => {
    const { heart, other, x } = await aWaitingMove();

    const told = await other.ask(move('t/x', x));

    expect(told).toMatchObject({ tag: 'denied', reason: 'queue_timeout' });
    await expectNobodyWaits(heart);
    expect(Object.keys(await leasesOf(heart)).sort()).toEqual(['t/x', 'u/y']);
  });

  it.each([
    ['a release by its fence', (x: number) => ({ ...release('t/x', x), costMicro: 50 }) as never],
    ['a cancel', () => ({ ...cancel('t/x'), report: undefined }) as never],
  ])('is ended by %s', async (what, end) => {
    const { heart, other, x, y } = await aWaitingMove();

    await other.ask(end(x));
    await heart.ask({ ...release('u/y', y), costMicro: 0 } as never);

    await expectSettled(heart, what === 'a cancel' ? 300 : 50);
  });

  it('ends with its lease, where its daemon has died', async () => {
    const { heart, y } = await aWaitingMove({ waitMs: 60_000 });
    await heart.ask({ ...release('u/y', y), costMicro: 0 } as never);
    heart.now = 2000;
    await heart.send();
    const waiting = await waitersOf(heart);
    heart.now = 9000;

    await heart.send();

    expect(waiting).toEqual(['t/x']);
    await expectSettled(heart, 300, 300);
  });

  it('without a lease that can be read is waited for no more', async () => {
    const { heart, y } = await aWaitingMove();
    await heart.redis.hset(heart.keys.requests, 't/x', 'nonsense');
    await wroteBehind(heart);

    await heart.ask(release('u/y', y));

    expect(await setAsideOf(heart)).toEqual(['t/x']);
    expect(await waitersOf(heart)).toEqual([]);
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 0 });
  });

  it('whose own record cannot be read is set aside, and holds nobody up', async () => {
    const { heart, y } = await aWaitingMove();
    await heart.redis.hset(heart.keys.waiters, 't/x', 'nonsense');
    await heart.ask(acquire('u/w', { waitMs: 1000, leaseMs: 9000 }));

    const told = await heart.send(acquire('u/2', { waitMs: 1000 }), release('u/y', y));

    expect(told).toMatchObject([{ tag: 'granted', account: 'a2' }, { tag: 'released' }]);
    expect(await setAsideOf(heart)).toEqual(['t/x']);
    expect(await waitersOf(heart)).toEqual([]);
  });

  it('leaves its lane with its end, not with its refusal', async () => {
    const heart = await aHeart(store, TWO);
    const x = (await heart.ask(laned('t/x'))).fence!;
    await heart.take('u/y');
    await heart.ask(laned('t/2', { waitMs: 5000 }));
    await heart.ask(patient('t/x', x, { waitMs: 50 }));
    heart.now = 50;

    const refused = await heart.news();
    const after = await heart.news(release('t/x', x));

    expect(refused['t/x']).toBeDefined();
    expect(refused['t/2']).toBeUndefined();
    expect(after).toMatchObject({ 't/2': { tag: 'granted' } });
    await expectNobodyWaits(heart);
  });

  it('is queued, and keeps its time, while the cell registers its leases again', async () => {
    const heart = await aHeart(store, TWO);
    const x = await heart.take('t/x', { leaseMs: 9000 });
    const y = await heart.take('u/y', { leaseMs: 9000 });
    await heart.call([], { incarnation: heart.incarnation + 1, recoveryMs: 50 });

    const queued = await heart.ask(patient('t/x', x));
    const during = await heart.news(release('u/y', y));
    heart.now = 50;
    const after = await heart.news();

    expect(queued.tag).toBe('queued');
    expect(during).toEqual({});
    expect(after).toMatchObject({ 't/x': { tag: 'moved', account: 'a2' } });
  });

  it('of a store that has lost everything waits again once its lease is registered', async () => {
    const heart = await aHeart(store, TWO, { admission: BUDGETED });
    await heart.take('u/y');
    const fence = heart.incarnation * 2 ** 28 + 7;
    await heart.call([], { incarnation: heart.incarnation + 1, recoveryMs: 50 });

    const told = await heart.send(
      patient('t/x', fence),
      register('t/x', { fence, account: 'a2' }),
      patient('t/x', fence),
    );

    expect(told).toMatchObject([
      { tag: 'denied', reason: 'recovering' },
      { tag: 'renewed', fence },
      { tag: 'queued' },
    ]);
    expect(await inFlightOf(heart)).toEqual({ a1: 1, a2: 0 });
    await expectSound(heart);
  });
});

describe('a hand-off to a move of another daemon', () => {
  it('is claimed by asking again under the old fence, which only renews until then', async () => {
    const { heart, other, x, y } = await aWaitingMove();
    await heart.ask(release('u/y', y));
    const unclaimed = (await leasesOf(heart))['t/x'];

    const renewed = await other.ask(renew('t/x', x, 9000));
    const still = (await leasesOf(heart))['t/x'];
    const claimed = await other.ask(patient('t/x', x, { leaseMs: 9000 }));
    heart.now = 3000;
    await heart.send();

    expect(unclaimed).toMatchObject({ account: 'a2', state: 4 });
    expect(renewed.tag).toBe('renewed');
    expect(still).toMatchObject({ state: 4 });
    expect(claimed).toMatchObject({ tag: 'moved', account: 'a2', fence: unclaimed!.fence });
    expect((await leasesOf(heart))['t/x']).toMatchObject({ account: 'a2', state: 1 });
    await expectNobodyWaits(heart);
    expect(await heart.ask(release('t/x', claimed.fence!))).toEqual({ tag: 'released' });
  });

  it('that nobody claims is taken back: the request waits on under its fence', async () => {
    const { heart, other, x, y } = await aWaitingMove();
    await heart.ask({ ...release('u/y', y), costMicro: 0 } as never);
    heart.now = 2000;
    await heart.send();
    const takenBack = (await leasesOf(heart))['t/x'];
    await expectSound(heart);
    const served = await heart.send(acquire('u/2'), acquire('u/3'));

    other.now = 2000;
    const back = await other.ask(patient('t/x', x, { leaseMs: 9000, waitMs: 20_000 }));
    const [id, fence] = served.flatMap(({ account, fence: own }, i) =>
      account === 'a2' ? [`u/${i + 2}`, own!] : [],
    ) as [string, number];
    await heart.ask(release(id, fence));
    const again = await other.ask(patient('t/x', x, { leaseMs: 9000, waitMs: 20_000 }));
    await other.ask({ ...release('t/x', again.fence!), costMicro: 70 } as never);

    expect(takenBack).toMatchObject({ account: '-', fence: x, attempt: 1 });
    expect(back.tag).toBe('queued');
    expect(again).toMatchObject({ tag: 'moved', account: 'a2' });
    expect((await ledgerOf(heart))['*\t0']).toMatchObject({ settled: 70, reserved: 0 });
    await expectNobodyWaits(heart);
  });

  it('is claimed by a move under the new fence, too', async () => {
    const { heart, other, y } = await aWaitingMove();
    await heart.ask(release('u/y', y));
    const { fence } = (await leasesOf(heart))['t/x']!;
    await heart.send(acquire('u/2', { leaseMs: 9000 }));

    const told = await other.ask(patient('t/x', fence, { leaseMs: 9000 }));

    expect(told.tag).toBe('queued');
    expect(await waitersOf(heart)).toEqual(['t/x']);
    await expectSound(heart);
  });

  it('whose lease ends before it is claimed settles what was reserved, once', async () => {
    const { heart, other, y } = await aWaitingMove();
    await heart.ask({ ...release('u/y', y), costMicro: 0 } as never);

    await other.ask(cancel('t/x'));

    await expectSettled(heart, 300);
  });

  it('is seen as it is by all that follows in the same tick', async () => {
    const heart = await aHeart(store, THREE, { admission: BUDGETED });
    const other = await anotherDaemon(heart, 'daemon-2');
    const x = await other.take('t/x', { leaseMs: 100 });
    const y = await heart.take('u/y', { leaseMs: 9000 });
    await heart.take('u/z', { leaseMs: 9000 });
    await other.ask(patient('t/x', x, { leaseMs: 100, waitMs: 9000 }));
    heart.now = 99;

    await heart.send(release('u/y', y), { kind: 'reap', id: 't/reap' });
    await expectSound(heart);
    heart.now = 200;
    await heart.send({ kind: 'reap', id: 't/reap' });

    await expectSound(heart);
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 0, a3: 1 });
  });
});
