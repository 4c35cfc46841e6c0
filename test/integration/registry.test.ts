// @module-tag redis_required
// Configurations of several daemons on one cell: compare-and-set, and never the superseded one again.
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { loadScripts } from '../../src/redis/scripts.ts';
import type { SchedulerAccount } from '../../src/scheduler/plan.ts';
import { CellRegistry, readRegistry } from '../../src/scheduler/registry.ts';
import { aBreakable } from '../support/health.ts';
import { anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const NEW_CELL = { incarnation: 0, server: '' };

/** Daemons that share a cell, each with its own registry. */
function daemonsOn(cell: string) {
  const [redis, keys, scripts] = [store.redis, cellKeys(cell), loadScripts()];
  const daemon = () =>
    new CellRegistry({ redis, keys, scripts, recoveryMs: 0, isAlone: true, clock: () => 0 });
  const limits = async (): Promise<number[]> => {
    const { accounts } = await readRegistry(redis, keys);
    return accounts.map(({ maxConcurrency }) => maxConcurrency);
  };
  return { daemon, limits, keys };
}

const slots = (count: number): SchedulerAccount[] => [anAccount({ slots: count })];

describe('a configuration', () => {
  it('is applied once, however many daemons bring it', async () => {
    const { daemon } = daemonsOn(store.cell());

    const views = await Promise.all(
      Array.from({ length: 8 }, () => daemon().apply(slots(5), NEW_CELL)),
    );

    expect(new Set(views.map(({ registry }) => registry.generation)).size).toBe(1);
  });

  it('is the same in another order of an account’s models, and another one when anything else changes', async () => {
    const { daemon } = daemonsOn(store.cell());
    const one = daemon();
    const base = anAccount({ models: ['x', 'y'] });
    const { registry } = await one.apply([base], NEW_CELL);

    const same = await daemon().apply([{ ...base, models: ['y', 'x'] }], NEW_CELL);
    const generations = [registry.generation];
    for (const change of [{ weight: 2 }, { priority: 3 }, { enabled: false }, { pool: 'q' }]) {
      const view = await one.apply([{ ...base, ...change }], NEW_CELL);
      generations.push(view.registry.generation);
    }

    expect(same.registry.generation).toBe(registry.generation);
    expect(new Set(generations).size).toBe(5);
    expect([...generations].sort((a, b) => a - b)).toEqual(generations);
  });

  it('of one of many daemons at once wins whole; the store holds one of them', async () => {
    const { daemon, limits, keys } = daemonsOn(store.cell());
    const wishes = [3, 5, 7, 11, 13];

    await Promise.all(wishes.map((wish) => daemon().apply(slots(wish), NEW_CELL)));

    const [limit] = await limits();
    const raw = await store.redis.hgetBuffer(keys.accounts, 'a1');
    expect(wishes).toContain(limit);
    expect(raw!.readUInt32LE(8)).toBe(limit);
  });

  it('that was superseded is not applied again by the daemon that brought it', async () => {
    const { daemon, limits } = daemonsOn(store.cell());
    const [old, recent] = [daemon(), daemon()];
    await old.apply(slots(20), NEW_CELL);
    await recent.apply(slots(1), NEW_CELL);

    const view = await old.apply(slots(20), NEW_CELL);

    expect(await limits()).toEqual([1]);
    expect(view.registry.accounts[0]!.maxConcurrency).toBe(1);
  });

  it('may go back to what it was: each is a new wish of its daemon', async () => {
    const { daemon, limits } = daemonsOn(store.cell());
    const one = daemon();
    const seen: number[] = [];

    for (const count of [20, 1, 20, 1]) {
      await one.apply(slots(count), NEW_CELL);
      seen.push(...(await limits()));
    }

    expect(seen).toEqual([20, 1, 20, 1]);
  });

  it('that was superseded is applied to a cell that has lost everything', async () => {
    const { daemon, limits, keys } = daemonsOn(store.cell());
    const [old, recent] = [daemon(), daemon()];
    await old.apply(slots(20), NEW_CELL);
    await recent.apply(slots(1), NEW_CELL);
    await store.redis.del(keys.cell, keys.registry);

    await old.apply(slots(20), NEW_CELL);

    expect(await limits()).toEqual([20]);
  });

  it('after a loss of everything has a generation that nobody has worked with', async () => {
    const { daemon, keys } = daemonsOn(store.cell());
    const before = await daemon().apply(slots(20), NEW_CELL);
    await store.redis.del(keys.cell, keys.registry);

    const after = await daemon().apply(slots(1), NEW_CELL);

    expect(after.registry.generation).not.toBe(before.registry.generation);
  });
});

describe('the arm of an account', () => {
  const arms = [
    { name: 'control', percent: 50, breaker: {} },
    { name: 'canary', percent: 50, breaker: { openMs: 7 } },
  ];
  const inArm = (arm: string, count = 5): SchedulerAccount[] => [
    { ...aBreakable({ slots: count }), breakerArms: { rollout: 'r', arms, arm } },
  ];
  const openMs = async (keys: ReturnType<typeof cellKeys>) =>
    (await readRegistry(store.redis, keys)).accounts[0]?.breaker?.openMs;

  it('is changed by any daemon of the configuration, also back to what that one knew before', async () => {
    const { daemon, keys } = daemonsOn(store.cell());
    const [one, other] = [daemon(), daemon()];
    await one.apply(inArm('control'), NEW_CELL);
    await other.apply(inArm('control'), NEW_CELL);
    await one.apply(inArm('canary'), NEW_CELL);
    const between = await openMs(keys);

    await other.apply(inArm('control'), NEW_CELL);

    expect([between, await openMs(keys)]).toEqual([7, 100]);
  });

  it('is not changed by a daemon whose configuration was superseded', async () => {
    const { daemon, keys, limits } = daemonsOn(store.cell());
    const [old, next] = [daemon(), daemon()];
    await old.apply(inArm('control', 5), NEW_CELL);
    await next.apply(inArm('control', 6), NEW_CELL);

    await old.apply(inArm('canary', 5), NEW_CELL);

    expect([await limits(), await openMs(keys)]).toEqual([[6], 100]);
  });

  it('of other accounts is another configuration', async () => {
    const { daemon } = daemonsOn(store.cell());
    const rolled = { breakerArms: { rollout: 'r', arms, arm: 'canary' } };
    const [a1, a2] = [aBreakable(), aBreakable({ name: 'a2' })];

    const { registry } = await daemon().apply([{ ...a1, ...rolled }, a2], NEW_CELL);
    const after = await daemon().apply([a1, { ...a2, ...rolled }], NEW_CELL);

    expect(registry.accounts.map(({ breaker }) => breaker?.openMs)).toEqual([7, 100]);
    expect(after.registry.accounts.map(({ breaker }) => breaker?.openMs)).toEqual([100, 7]);
  });
});

describe('10,000 accounts', () => {
  it('are registered in one piece, and changed in one', async () => {
    const { daemon } = daemonsOn(store.cell());
    const many = Array.from({ length: 10_000 }, (_, i) =>
      anAccount({ name: `account-${i}`, slots: 1 + (i % 7), models: ['m', `m${i % 20}`] }),
    );
    const one = daemon();

    const first = await one.apply(many, NEW_CELL);
    const second = await one.apply(many.slice(1), NEW_CELL);

    expect(first.registry.accounts.length).toBe(10_000);
    expect(second.registry.accounts.length).toBe(9999);
  });
});
