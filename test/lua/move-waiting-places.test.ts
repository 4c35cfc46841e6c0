// @module-tag redis_required
// Whose turn it is where requests wait for another account, beside all others that wait.
import { describe, expect, it } from 'vitest';
import type { AdmissionPolicy } from '../../src/scheduler/admission.ts';
import { leasesOf } from '../support/cell-state.ts';
import { aHeart, acquire, anAccount, release, renew } from '../support/heart.ts';
import { expectSound, patient } from '../support/moving.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const TWO = [anAccount({ name: 'a1' }), anAccount({ name: 'a2' })];
const THREE = [...TWO, anAccount({ name: 'a3' })];

const RESERVED: AdmissionPolicy = {
  timeZone: 'UTC',
  budget: { warnMicro: 900, stopMicro: 1000, period: 'none' },
  tenants: [{ name: 'r', weight: 1, reservedSlots: { openai: 2 } }],
};

describe('the place of a move that waits', () => {
  it('is before all that were never granted, whoever they are', async () => {
    const heart = await aHeart(store, THREE);
    const x = await heart.take('t/x');
    const y = await heart.take('u/y');
    await heart.take('u/z');
    await heart.send(acquire('v/1', { waitMs: 1000 }), acquire('t/2', { waitMs: 1000 }));
    const told = await heart.news(patient('t/x', x));

    const news = await heart.news(release('u/y', y));

    expect(Object.keys(told)).toHaveLength(1);
    expect(news).toMatchObject({ 't/x': { tag: 'moved', account: 'a2' } });
    expect(Object.keys(news)).toEqual(['t/x']);
    await expectSound(heart);
  });

  it('is that of its arrival among its like, whichever moved first', async () => {
    const heart = await aHeart(store, THREE);
    const first = await heart.take('t/1');
    heart.now = 5;
    const second = await heart.take('u/2');
    const busy = await heart.take('u/3');
    await heart.send(patient('u/2', second, { exclude: ['a1'] }));
    await heart.send(patient('t/1', first, { exclude: ['a2'] }));

    const news = await heart.news(release('u/3', busy));

    expect(news['t/1']).toMatchObject({ tag: 'moved', account: 'a3' });
    expect(news['u/2']).toBeUndefined();
    await expectSound(heart);
  });

  it('is earlier by the time that it had been queued, and by its priority', async () => {
    const order: string[] = [];
    const heart = await aHeart(store, [...THREE, anAccount({ name: 'a4' })]);
    heart.now = 1000;
    const fences = [await heart.take('t/1'), await heart.take('t/2'), await heart.take('t/3')];
    let busy = await heart.take('u/y');
    const exclude = ['a1', 'a2', 'a3'];
    await heart.send(
      patient('t/1', fences[0]!, { exclude }),
      patient('t/2', fences[1]!, { exclude, queuedMs: 500 }),
      patient('t/3', fences[2]!, { exclude, priority: 4 }),
    );

    for (let id = 'u/y', n = 0; n < 3; n += 1) {
      const [[next, told] = ['', undefined]] = Object.entries(await heart.news(release(id, busy)));
      [id, busy] = [next, told!.fence!];
      order.push(id);
    }

    expect(order).toEqual(['t/3', 't/2', 't/1']);
  });

  it('is behind tenants below their reserved slots', async () => {
    const heart = await aHeart(store, TWO, { admission: RESERVED });
    const x = await heart.take('t/x');
    const y = await heart.take('u/y');
    await heart.send(acquire('r/1', { waitMs: 1000 }), acquire('r/2', { waitMs: 1000 }));
    const first = await heart.news(patient('t/x', x));

    const second = await heart.news(release('u/y', y));

    expect(Object.keys({ ...first, ...second }).sort()).toEqual(['r/1', 'r/2']);
    await expectSound(heart);
  });

  it('is kept when it is asked again, and answered the same', async () => {
    const heart = await aHeart(store, THREE);
    const [x, y, z] = [await heart.take('t/x'), await heart.take('u/y'), await heart.take('u/z')];
    const exclude = ['a1', 'a2'];
    const queued = await heart.send(
      patient('t/x', x, { exclude }),
      patient('u/y', y, { exclude }),
      patient('t/x', x, { exclude, leaseMs: 400 }),
    );

    const news = await heart.news(release('u/z', z));
    const again = await heart.ask(patient('t/x', x, { exclude }));

    expect(queued.map(({ tag, position }) => [tag, position])).toEqual([
      ['queued', 1],
      ['queued', 2],
      ['queued', 1],
    ]);
    expect(news['t/x']).toMatchObject({ tag: 'moved', expiresAt: 400 });
    expect(again).toMatchObject({ tag: 'moved', account: 'a3', fence: news['t/x']!.fence });
    await expectSound(heart);
  });

  it('lives on by renewals under the fence that it had', async () => {
    const heart = await aHeart(store, TWO);
    const x = await heart.take('t/x');
    await heart.take('u/y');
    await heart.ask(patient('t/x', x));
    heart.now = 90;
    await heart.send(renew('t/x', x), renew('u/y', x + 1));
    heart.now = 150;

    const told = await heart.ask(renew('t/x', x));

    expect(told).toEqual({ tag: 'renewed', fence: x, expiresAt: 250 });
    expect((await leasesOf(heart))['t/x']).toMatchObject({ account: '-', state: 3 });
    await expectSound(heart);
  });
});
