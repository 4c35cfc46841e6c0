// @module-tag redis_required
// How the breaker of `v2` closes, what hands and the canary do with it, and who tells of it.
import { describe, expect, it } from 'vitest';
import { smallBounds, someRecords, TestCostsim } from '../../support/costsim.ts';
import { useRedis } from '../../support/redis.ts';

const redis = useRedis();
const HAND = { by: 'ann', why: 'a look at it' };

const aCell = (config = smallBounds()): TestCostsim =>
  new TestCostsim(redis.redis, { cell: redis.cell(), config });

async function tripped(cell = aCell()): Promise<TestCostsim> {
  await cell.observe(someRecords(10, { drift: 0.5 }));
  return cell;
}

describe('recovery', () => {
  it('is given to the first call after the cool-down, and to no other', async () => {
    const cell = await tripped();
    cell.now = 10_999;
    const early = await cell.store.recover();
    cell.now = 11_000;

    const answers = await Promise.all(Array.from({ length: 50 }, () => cell.store.recover()));

    expect(early.changes).toEqual([]);
    expect(early.breaker.state).toBe('open');
    const won = answers.filter(({ changes }) => changes.length > 0);
    expect(won).toHaveLength(1);
    expect(won[0]?.changes).toMatchObject([{ kind: 'recovered', cause: 'cooldown' }]);
    expect(await cell.logged()).toEqual(['warned', 'tripped', 'recovered']);
    expect(await cell.bit()).toBe('0');
  });

  it('begins the window anew, so that what tripped does not trip again', async () => {
    const cell = await tripped();
    cell.now = 11_000;
    await cell.store.recover();

    const { breaker } = await cell.observe(someRecords(9, { drift: 0.5 }));

    expect(breaker).toMatchObject({ state: 'closed', samples: 9, consecutiveFailures: 0 });
  });

  it('comes later after each trip that follows soon, at most after the longest time', async () => {
    const cell = await tripped();
    const waits: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { breaker } = await cell.store.look();
      waits.push((breaker.recoverAtMs ?? 0) - breaker.sinceMs);
      cell.now = breaker.recoverAtMs ?? 0;
      await cell.store.recover();
      cell.now += 1000;
      await tripped(cell);
    }

    expect(waits).toEqual([10_000, 20_000, 40_000, 60_000]);
  });

  it('comes as soon as at first when the breaker was closed for long', async () => {
    const cell = await tripped();
    cell.now = 11_000;
    await cell.store.recover();
    cell.now += 60_001;

    await tripped(cell);

    expect((await cell.store.look()).breaker.recoverAtMs).toBe(cell.now + 10_000);
  });
});

describe('by hand', () => {
  it('v2 is out of service until somebody enables it, with who and why in the log', async () => {
    const cell = aCell();
    const { breaker } = await cell.store.disable(HAND);
    cell.now += 1e9;
    const late = await cell.store.recover();

    const { changes } = await cell.store.enable({ by: 'bob', why: 'looked' });

    expect(breaker).toMatchObject({
      state: 'open',
      cause: 'hand',
      recoverAtMs: undefined,
      ...HAND,
    });
    expect(late.breaker.state).toBe('open');
    expect(changes).toMatchObject([{ kind: 'enabled', by: 'bob', why: 'looked' }]);
    expect(await cell.bit()).toBe('0');
    expect(await cell.store.log(10)).toMatchObject([
      { kind: 'enabled', by: 'bob' },
      { kind: 'disabled', ...HAND, atMs: 1000 },
    ]);
  });

  it('it stays out of service where a trip would have let it come back', async () => {
    const cell = await tripped();

    const { breaker, changes } = await cell.store.disable(HAND);

    expect(breaker).toMatchObject({ state: 'open', recoverAtMs: undefined });
    expect(changes).toMatchObject([{ kind: 'disabled' }]);
  });

  it('a second time changes nothing and tells nothing', async () => {
    const cell = aCell();
    await cell.store.disable(HAND);

    const twice = await cell.store.disable({ by: 'bob', why: 'too' });
    const canary = await cell.store.trip({ by: 'canary', why: 'failed' });
    await cell.store.enable(HAND);
    const enabled = await cell.store.enable(HAND);

    expect([twice, canary, enabled].map(({ changes }) => changes.length)).toEqual([0, 0, 0]);
    expect(await cell.logged()).toEqual(['disabled', 'enabled']);
  });
});

describe('a failed canary', () => {
  it('trips the breaker, which recovers by itself', async () => {
    const cell = aCell();

    const { breaker } = await cell.store.trip({ by: 'canary', why: 'report 7 failed' });

    expect(breaker).toMatchObject({ state: 'open', cause: 'canary', why: 'report 7 failed' });
    expect(breaker.recoverAtMs).toBe(11_000);
  });
});

describe('a change', () => {
  it('is told again by another daemon when its own did not say that it has', async () => {
    const cell = await tripped();
    cell.now += 9_999;
    const early = await cell.store.look();
    cell.now += 1;

    const [one, other] = [await cell.store.look(), await cell.store.look()];

    expect(early.changes).toEqual([]);
    expect(one.changes).toMatchObject([{ kind: 'tripped', number: one.breaker.number }]);
    expect(other.changes).toEqual([]);
  });

  it('is told no more once somebody has said that it was told', async () => {
    const cell = await tripped();
    const { breaker } = await cell.store.look();
    await cell.store.told(breaker.number);
    cell.now += 100_000;

    const { changes } = await cell.store.look();

    expect(changes).toEqual([]);
  });

  it('has a number that rises, over a loss of the data too', async () => {
    const cell = await tripped();
    const { breaker } = await cell.store.look();
    await redis.redis.del(cell.store.keys.costsim);
    cell.now += 1000;

    const again = await cell.store.disable(HAND);

    expect(breaker.number).toBe(1000);
    expect(again.breaker.number).toBe(2000);
  });
});

describe('the log', () => {
  it('is bounded', async () => {
    const cell = aCell(smallBounds({ breaker: { maxLogged: 5 } }));

    for (let i = 0; i < 10; i += 1) {
      await cell.store.disable(HAND);
      await cell.store.enable(HAND);
    }

    expect(await cell.logged()).toHaveLength(5);
  });
});
