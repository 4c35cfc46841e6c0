// @module-tag redis_required
// What is missing or damaged in the store: `v2` is enabled, the state is made anew, nothing fails.
import { describe, expect, it } from 'vitest';
import { loadScripts } from '../../../src/redis/scripts.ts';
import { someRecords, TestCostsim } from '../../support/costsim.ts';
import { useRedis } from '../../support/redis.ts';

const redis = useRedis();
const HAND = { by: 'ann', why: 'a look at it' };

const aCell = (): TestCostsim => new TestCostsim(redis.redis, { cell: redis.cell() });

async function open(): Promise<TestCostsim> {
  const cell = aCell();
  await cell.store.disable(HAND);
  return cell;
}

describe('a state', () => {
  it('that is missing is made, closed, and nobody is told', async () => {
    const cell = aCell();

    const { found, breaker, changes } = await cell.store.look();

    expect([found, breaker.state, changes.length]).toEqual(['missing', 'closed', 0]);
    expect(await cell.bit()).toBe('0');
    expect((await cell.store.look()).found).toBe('sound');
  });

  it.each([
    ['state', 'half'],
    ['state', ''],
    ['recover_at', 'soon'],
    ['recover_at', 'nan'],
    ['number', '1e300'],
    ['since', '-inf'],
  ])('whose %s is "%s" is closed from then on, which is logged', async (field, value) => {
    const cell = await open();
    await redis.redis.hset(cell.store.keys.costsim, field, value);

    const { found, breaker, changes } = await cell.store.look();

    expect([found, breaker.state]).toEqual(['corrupt', 'closed']);
    expect(changes).toMatchObject([{ kind: 'unreadable' }]);
    expect(await cell.bit()).toBe('0');
    expect((await cell.store.look()).found).toBe('sound');
  });

  it('that was lost with everything else is closed, and works on', async () => {
    const cell = await open();
    const keys = await redis.redis.keys(`slotkeeper:{*${cell.store.keys.cell.split(/[{}]/)[1]}}:*`);
    await redis.redis.del(...keys);

    const { breaker } = await cell.observe(someRecords(10, { drift: 0.5 }));

    expect(breaker).toMatchObject({ state: 'open', cause: 'window' });
  });
});

describe('the bit that ticks read', () => {
  it.each(['0', 'x', undefined])('is put right by the next call where it is %s', async (bit) => {
    const cell = await open();
    const { cell: key } = cell.store.keys;
    await (bit === undefined
      ? redis.redis.hdel(key, 'v2_open')
      : redis.redis.hset(key, 'v2_open', bit));

    await cell.store.look();

    expect(await cell.bit()).toBe('1');
  });
});

describe('histograms', () => {
  it('that cannot be read count as empty', async () => {
    const cell = aCell();
    await cell.observe(someRecords(5, { drift: 0.5 }));
    for (const n of [0, 1, 2]) {
      await redis.redis.hset(cell.store.keys.drift(n), 'v2\tactual\t', 'broken');
    }
    await redis.redis.hset(cell.store.keys.costsim, 'interval', 'odd');

    const { breaker } = await cell.observe(someRecords(5, { drift: 0.5 }));

    expect(breaker).toMatchObject({ state: 'closed', samples: 5 });
  });
});

describe('a key of another type', () => {
  const { costsim } = loadScripts();

  it('makes the call fail, with its place in the script, and changes no bit', async () => {
    const cell = aCell();
    await redis.redis.set(cell.store.keys.costsim, 'a text');
    // The call that loads its script tells the place, too.
    await redis.redis.call('function', ['load', 'replace', costsim.source]);
    await redis.redis.call('function', ['delete', costsim.library]);

    const failing = cell.observe(someRecords(10, { drift: 0.5 }));

    await expect(failing).rejects.toThrow(/script costsim: WRONGTYPE.*stored\.lua:\d+/s);
    expect(await cell.bit()).toBeNull();
  });
});
