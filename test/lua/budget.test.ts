// @module-tag redis_required
// The budget gate: reserved in the acquire, settled in the release, once; stop is never passed at
// admission. Money is whole micro-units.
import { describe, expect, it } from 'vitest';
import type { AdmissionPolicy } from '../../src/scheduler/admission.ts';
import { CODES } from '../../src/redis/codes.ts';
import { ledgerOf, dumpOf } from '../support/cell-state.ts';
import { aHeart, acquire, anAccount, release, renew } from '../support/heart.ts';
import type { Heart } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const DAY = 86_400_000;

const POLICY: AdmissionPolicy = {
  tenants: [],
  budget: { warnMicro: 80, stopMicro: 100, period: 'none' },
  timeZone: 'UTC',
};

async function aBudgetHeart(policy: Partial<AdmissionPolicy> = {}): Promise<Heart> {
  const accounts = [
    anAccount({ slots: 100 }),
    anAccount({ name: 'b1', pool: 'anthropic', slots: 100, models: ['claude'] }),
  ];
  return await aHeart(store, accounts, { admission: { ...POLICY, ...policy } });
}

const reserving = (id: string, reserveMicro: number, wish = {}) =>
  acquire(id, { reserveMicro, ...wish });

function settling(id: string, fence: number, costMicro: number): ReturnType<typeof release> {
  return { ...release(id, fence), costMicro } as ReturnType<typeof release>;
}

const global = async (heart: Heart) => (await ledgerOf(heart))['*\t0'];

describe('the budget gate', () => {
  it('reserves in the acquire and settles in the release', async () => {
    const heart = await aBudgetHeart();

    const fence = await heart.take('t/1', { reserveMicro: 40 });
    const reserved = await global(heart);
    await heart.ask(settling('t/1', fence, 25));

    expect(reserved).toMatchObject({ settled: 0, reserved: 40 });
    expect(await global(heart)).toMatchObject({ settled: 25, reserved: 0, overrun: 0 });
  });

  it('past stop refuses, and changes nothing', async () => {
    const heart = await aBudgetHeart();
    await heart.take('t/1', { reserveMicro: 70 });
    const before = await dumpOf(heart);

    const told = await heart.ask(reserving('t/2', 31));

    expect(told).toMatchObject({ tag: 'denied', reason: 'budget_stop' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('admits a reserve of exactly the remainder', async () => {
    const heart = await aBudgetHeart();
    await heart.take('t/1', { reserveMicro: 70 });

    const told = await heart.ask(reserving('t/2', 30));

    expect(told.tag).toBe('granted');
  });

  it('over warn still admits and tells of each crossing once', async () => {
    const heart = await aBudgetHeart();

    const alarms: string[] = [];
    const fences: number[] = [];
    for (const [i, reserve] of [70, 11, 5].entries()) {
      const reply = await heart.call([reserving(`t/${i}`, reserve)]);
      if (reply.kind !== 'ok') continue;
      alarms.push(reply.report.alarms);
      fences.push(reply.told[0]!.fence!);
    }
    await heart.ask(settling('t/0', fences[0]!, 0));
    const again = await heart.call([reserving('t/9', 70)]);

    expect(alarms).toEqual(['', 'warn\t*\t0\t81\t100', '']);
    expect(again).toMatchObject({ report: { alarms: 'warn\t*\t0\t86\t100' } });
  });

  it('is one pool for two providers', async () => {
    const heart = await aBudgetHeart();
    const claude = { targets: [{ pool: 'anthropic', model: 'claude' }] };
    await heart.take('t/1', { reserveMicro: 60, ...claude });

    const told = await heart.ask(reserving('t/2', 41));

    expect(told).toMatchObject({ tag: 'denied', reason: 'budget_stop' });
  });

  it('settles once, however often a release is asked', async () => {
    const heart = await aBudgetHeart();
    const fence = await heart.take('t/1', { reserveMicro: 40 });

    await heart.send(settling('t/1', fence, 25), settling('t/1', fence, 25));
    await heart.ask(settling('t/1', fence, 25));

    expect(await global(heart)).toMatchObject({ settled: 25, reserved: 0 });
  });

  it('settles at the reserve where nobody tells the cost', async () => {
    const heart = await aBudgetHeart();
    const fence = await heart.take('t/1', { reserveMicro: 40 });

    await heart.ask(release('t/1', fence));

    expect(await global(heart)).toMatchObject({ settled: 40, reserved: 0, presumed: 0 });
  });

  it('records a cost above its reserve, even past stop, and counts the overrun', async () => {
    const heart = await aBudgetHeart();
    const fence = await heart.take('t/1', { reserveMicro: 90 });

    await heart.ask(settling('t/1', fence, 150));
    const told = await heart.ask(reserving('t/2', 1));

    expect(await global(heart)).toMatchObject({ settled: 150, reserved: 0, overrun: 60 });
    expect(told).toMatchObject({ reason: 'budget_stop' });
  });

  it('presumes the reserve of a holder that died, and corrects it once when it tells', async () => {
    const heart = await aBudgetHeart();
    const fence = await heart.take('t/1', { reserveMicro: 40, leaseMs: 50, isFresh: true });
    heart.now = 60;
    await heart.send();
    const presumed = await global(heart);

    await heart.ask(settling('t/1', fence, 15));
    await heart.ask(settling('t/1', fence, 15));

    expect(presumed).toMatchObject({ settled: 40, reserved: 0, presumed: 40 });
    expect(await global(heart)).toMatchObject({ settled: 15, reserved: 0, presumed: 0 });
  });

  it('keeps a reservation for as long as its lease lives', async () => {
    const heart = await aBudgetHeart();
    const fence = await heart.take('t/1', { reserveMicro: 100, leaseMs: 50 });
    heart.now = 40;
    await heart.ask(renew('t/1', fence, 50));
    heart.now = 60;

    const told = await heart.ask(reserving('t/2', 1));

    expect(told).toMatchObject({ reason: 'budget_stop' });
  });

  it('refuses a waiter at the hand-off where the money has gone meanwhile', async () => {
    const accounts = [anAccount()];
    const heart = await aHeart(store, accounts, { admission: POLICY });
    const fence = await heart.take('t/1', { reserveMicro: 10 });
    await heart.send(reserving('t/2', 90, { waitMs: 5000 }), reserving('t/3', 5, { waitMs: 5000 }));

    const news = await heart.news(settling('t/1', fence, 50));

    expect(news).toMatchObject({
      't/2': { tag: 'denied', reason: 'budget_stop' },
      't/3': { tag: 'granted' },
    });
  });

  it('starts afresh with each period, and settles where it was reserved', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 9 })], {
      admission: { ...POLICY, budget: { warnMicro: 80, stopMicro: 100, period: 'day' } },
    });
    heart.now = DAY - 1000;
    const fence = await heart.take('t/1', { reserveMicro: 100, leaseMs: 60_000 });
    const refused = await heart.ask(reserving('t/2', 1));
    heart.now = DAY;

    const told = await heart.ask(reserving('t/3', 100));
    await heart.ask(settling('t/1', fence, 30));

    expect(refused).toMatchObject({ reason: 'budget_stop', retryAfterMs: 1000 });
    expect(told.tag).toBe('granted');
    expect(await ledgerOf(heart)).toMatchObject({
      '*\t0': { settled: 30, reserved: 0 },
      [`*\t${DAY}`]: { settled: 0, reserved: 100 },
    });
  });

  it('settles a reservation of many periods ago where it was made', async () => {
    const budget = { stopMicro: 100, period: 'day' } as const;
    const heart = await aBudgetHeart({
      tenants: [{ name: 't', weight: 1, budget }],
      budget: { ...budget, warnMicro: 80 },
    });
    const fence = await heart.take('t/old', { reserveMicro: 40, leaseMs: 30 * DAY });
    const heldAtOnce: (number | undefined)[] = [];
    for (let day = 1; day <= 20; day += 1) {
      heart.now = day * DAY;
      for (const id of [`t/${day}-first`, `t/${day}-second`]) {
        const own = await heart.take(id, { reserveMicro: 40 });
        heldAtOnce.push((await ledgerOf(heart))[`t\t${day * DAY}`]?.['reserved']);
        await heart.ask(settling(id, own, 30));
      }
    }

    await heart.ask(settling('t/old', fence, 25));

    expect(new Set(heldAtOnce)).toEqual(new Set([40]));
    const ledger = await ledgerOf(heart);
    for (const scope of ['*', 't']) {
      expect(ledger[`${scope}\t0`]).toMatchObject({ settled: 25, reserved: 0 });
      for (let day = 1; day <= 20; day += 1)
        expect(ledger[`${scope}\t${day * DAY}`]).toMatchObject({ settled: 60, reserved: 0 });
    }
  });

  it('of a tenant stops that tenant alone', async () => {
    const budget = { stopMicro: 50, period: 'none' } as const;
    const heart = await aBudgetHeart({ tenants: [{ name: 't', weight: 1, budget }] });
    await heart.take('t/1', { reserveMicro: 50 });

    const told = await heart.send(reserving('t/2', 1), reserving('u/1', 1));

    expect(told.map(({ tag, reason }) => reason ?? tag)).toEqual(['budget_stop', 'granted']);
    expect(await ledgerOf(heart)).toMatchObject({
      '*\t0': { reserved: 51 },
      't\t0': { reserved: 50 },
    });
  });
});

describe('spend', () => {
  it('that was presumed is booked where it belongs once its holder tells', async () => {
    const heart = await aBudgetHeart();
    const fence = await heart.take('t/1', { reserveMicro: 40, leaseMs: 50, isFresh: true });
    heart.now = 60;
    await heart.send();
    const presumed = await heart.redis.hgetall(heart.keys.spend);

    const told = { ...settling('t/1', fence, 15), spend: 'deep\tgpt-4\trun-7' };
    await heart.ask(told);
    await heart.ask(told);

    const spend = await heart.redis.hgetall(heart.keys.spend);
    expect(presumed).toMatchObject({ '0\tt\t\t': '40' });
    expect(spend).toMatchObject({ '0\tt\t\t': '0', '0\tt\tdeep\tgpt-4': '15' });
    expect(await heart.redis.hget(heart.keys.runSpend, 't\trun-7')).toBe('15');
  });

  it('is booked by tenant, route and model, and by run', async () => {
    const heart = await aBudgetHeart();
    const fence = await heart.take('t/1', { reserveMicro: 40 });
    const spend = 'deep\topenai/gpt-4\trun-7';

    await heart.ask({ ...settling('t/1', fence, 25), spend } as ReturnType<typeof release>);

    expect(await heart.redis.hget(heart.keys.spend, '0\tt\tdeep\topenai/gpt-4')).toBe('25');
    expect(await heart.redis.hget(heart.keys.runSpend, 't\trun-7')).toBe('25');
  });

  it('goes under other where there is no room for new combinations', async () => {
    const heart = await aBudgetHeart();
    const costs = [1, 2, 4, 8];
    const told = await heart.send(...costs.map((_, i) => reserving(`t${i}/1`, 10)));
    const booking = (i: number) => {
      const settled = settling(`t${i}/1`, told[i]!.fence!, costs[i]!);
      return { ...settled, spend: 'deep\tgpt-4\t' } as ReturnType<typeof release>;
    };
    // Room for one more: the sentinel, what is there, and the one that is booked now.
    await heart.ask(booking(0));
    const filler = Array.from({ length: CODES.SPEND.most - 3 }, (_, i) => [`0\tx\ty\t${i}`, 1]);
    await heart.redis.hset(heart.keys.spend, ...filler.flat());

    await heart.send(booking(1), booking(2), booking(3));

    const spend = await heart.redis.hgetall(heart.keys.spend);
    const booked = [0, 1, 2, 3].map((i) => Number(spend[`0\tt${i}\tdeep\tgpt-4`] ?? 0));
    const other = Number(spend['0\tother\tother\tother']);
    expect(booked.filter((cost) => cost > 0)).toHaveLength(2);
    expect(booked.reduce((sum, cost) => sum + cost, other)).toBe(15);
  });
});
