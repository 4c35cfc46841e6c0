// @module-tag redis_required
// configure: accounts come, go and change on a live cell; leases and counts stay.
import { describe, expect, it } from 'vitest';
import type { Target } from '../../src/core/domain.ts';
import { classOf, counterOf, inFlightOf, leasesOf, wheelOf } from '../support/cell-state.ts';
import { GPT4, Heart, aHeart, acquire, anAccount, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const CLAUDE: Target = { pool: 'anthropic', model: 'claude' };

/** Acquires until it is denied; returns the fences by id. */
async function fill(heart: Heart, prefix: string): Promise<Map<string, number>> {
  const fences = new Map<string, number>();
  for (;;) {
    const id = `t/${prefix}-${fences.size}`;
    const told = await heart.ask(acquire(id, { leaseMs: 1e6 }));
    if (told.tag !== 'granted') return fences;
    fences.set(id, told.fence!);
  }
}

describe('a new cell', () => {
  it('has every structure with its sentinel, so that each key exists', async () => {
    const heart = await aHeart(store, [anAccount()]);

    const missing: string[] = [];
    for (const key of heart.view.bound.keys) {
      if ((await heart.redis.exists(key)) === 0) missing.push(key);
    }

    expect(missing).toEqual([]);
  });

  it('counts 0 for every pool and model before first use', async () => {
    const heart = await aHeart(store, [
      anAccount({ models: ['gpt-4', 'gpt-5'] }),
      anAccount({ name: 'b1', pool: 'anthropic', models: ['claude'] }),
    ]);

    const counts = await Promise.all([
      counterOf(heart),
      counterOf(heart, { pool: 'openai', model: 'gpt-5' }),
      counterOf(heart, CLAUDE),
    ]);

    expect(counts).toEqual(['0', '0', '0']);
    expect(await inFlightOf(heart)).toEqual({ a1: 0, b1: 0 });
  });

  it('without any account denies and goes on', async () => {
    const heart = await aHeart(store, []);

    const told = await heart.ask(acquire('t/x'));

    expect(told).toMatchObject({ tag: 'denied', reason: 'no_account_for_model' });
  });
});

describe('counters of pool and model', () => {
  it('follow the leases, each its own', async () => {
    const heart = await aHeart(store, [
      anAccount({ slots: 9, models: ['gpt-4', 'gpt-5'] }),
      anAccount({ name: 'b1', slots: 9, pool: 'anthropic', models: ['claude'] }),
    ]);
    const five = { pool: 'openai', model: 'gpt-5' };

    const fence = await heart.take('t/1', { targets: [five] });
    await heart.send(acquire('t/2', { targets: [five] }), acquire('t/3', { targets: [CLAUDE] }));
    const high = [await counterOf(heart), await counterOf(heart, five)];
    await heart.send(release('t/1', fence));

    expect(high).toEqual(['0', '2']);
    expect(await counterOf(heart, five)).toBe('1');
    expect(await counterOf(heart, CLAUDE)).toBe('1');
  });
});

describe('a limit', () => {
  it('that is lowered drains: nobody is killed, nobody is let in before there is room', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 4 })]);
    const fences = [...(await fill(heart, 'x'))];
    await heart.configure([anAccount({ slots: 2 })]);
    const seen: string[] = [];

    for (const [i, [id, fence]] of fences.entries()) {
      const [told] = await heart.send(acquire(`t/try-${i}`));
      seen.push(`${(await inFlightOf(heart))['a1']} ${told!.tag}`);
      await heart.send(release(id, fence));
    }

    expect(seen).toEqual(['4 denied', '3 denied', '2 denied', '2 granted']);
  });

  it('that is raised lets others in at once', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 1 })]);
    await fill(heart, 'x');

    await heart.configure([anAccount({ slots: 3 })]);

    expect((await fill(heart, 'y')).size).toBe(2);
    expect(await inFlightOf(heart)).toEqual({ a1: 3 });
  });

  it('that goes down and up again a hundred times loses and makes no slot', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 20 })]);
    const fences = await fill(heart, 'x');

    for (let i = 0; i < 100; i += 1) {
      await heart.configure([anAccount({ slots: i % 2 === 0 ? 1 : 20 })]);
    }
    for (const [id, fence] of fences) await heart.send(release(id, fence));

    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
    expect((await fill(heart, 'y')).size).toBe(20);
  });
});

describe('an account', () => {
  it('that is added serves at once', async () => {
    const heart = await aHeart(store, [anAccount()]);
    await fill(heart, 'x');

    await heart.configure([anAccount(), anAccount({ name: 'a2' })]);

    expect(await heart.ask(acquire('t/y'))).toMatchObject({ tag: 'granted', account: 'a2' });
  });

  it('that is disabled with leases held gets no new ones and gives its slots back', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 }), anAccount({ name: 'a2' })]);
    const fences = await fill(heart, 'x');
    await heart.configure([anAccount({ slots: 2, enabled: false }), anAccount({ name: 'a2' })]);

    for (const [id, fence] of fences) await heart.send(release(id, fence));

    expect(await classOf(heart)).toEqual(['a2']);
    expect((await fill(heart, 'y')).size).toBe(1);
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 1 });
  });

  it('that is disabled and alone leaves a cell that works', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('t/x');
    await heart.configure([anAccount({ enabled: false })]);

    const told = await heart.send(release('t/x', fence), acquire('t/y'));

    expect(told).toMatchObject([
      { tag: 'released' },
      { tag: 'denied', reason: 'no_account_for_model' },
    ]);
    expect(await inFlightOf(heart)).toEqual({ a1: 0 });
    expect(await counterOf(heart)).toBe('0');
  });

  it('that is enabled again has all its slots but those still held', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 3 })]);
    await heart.take('t/held');
    await heart.configure([anAccount({ slots: 3, enabled: false })]);

    await heart.configure([anAccount({ slots: 3 })]);

    expect((await fill(heart, 'y')).size).toBe(2);
  });

  it('that is removed with leases held keeps its count until the last one ends', async () => {
    const heart = await aHeart(store, [anAccount({ name: 'a0' }), anAccount({ slots: 2 })]);
    const fences = await fill(heart, 'x');
    await heart.configure([anAccount({ name: 'a0' })]);
    const whileHeld = await inFlightOf(heart);

    for (const [id, fence] of fences) await heart.send(release(id, fence));
    await heart.configure([anAccount({ name: 'a0', slots: 2 })]);

    expect(whileHeld).toEqual({ a0: 1, a1: 2 });
    expect(await inFlightOf(heart)).toEqual({ a0: 0 });
    expect(await heart.redis.hkeys(heart.keys.accounts)).toEqual(['_', 'a0']);
  });

  it('that is removed with its class, while a lease is held, still ends well', async () => {
    const openai = anAccount({ name: 'a1', slots: 2 });
    const heart = await aHeart(store, [
      openai,
      anAccount({ name: 'b1', pool: 'anthropic', models: ['claude'] }),
    ]);
    const fence = await heart.take('t/x', { targets: [CLAUDE] });
    await heart.configure([openai]);

    const told = await heart.send(release('t/x', fence), acquire('t/y'));

    expect(told.map(({ tag }) => tag)).toEqual(['released', 'granted']);
    expect(await inFlightOf(heart)).toEqual({ a1: 1, b1: 0 });
    expect(await counterOf(heart, CLAUDE)).toBe('0');
    expect(await counterOf(heart)).toBe('1');
    expect((await wheelOf(heart)).length).toBe(2);
  });

  it('that is removed and comes back counts the leases that it still has', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 3 }), anAccount({ name: 'a2' })]);
    const fences = await fill(heart, 'x');
    await heart.configure([anAccount({ name: 'a2' })]);

    await heart.configure([anAccount({ slots: 3 }), anAccount({ name: 'a2' })]);

    expect(await heart.ask(acquire('t/y'))).toMatchObject({ reason: 'pool_full' });
    for (const [id, fence] of fences) await heart.send(release(id, fence));
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 0 });
    expect((await classOf(heart)).length).toBe(2);
  });

  it('that moves to another pool takes its leases’ counts with it', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 2 })]);
    const fence = await heart.take('t/x');
    await heart.configure([anAccount({ slots: 2, pool: 'anthropic', models: ['claude'] })]);

    const told = await heart.send(
      acquire('t/1', { targets: [CLAUDE] }),
      acquire('t/2', { targets: [CLAUDE] }),
    );
    await heart.send(release('t/x', fence));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'denied']);
    expect(await counterOf(heart, CLAUDE)).toBe('1');
    expect(await inFlightOf(heart)).toEqual({ a1: 1 });
  });
});

describe('a model that is not configured any more', () => {
  const both = [anAccount({ slots: 5, models: ['gpt-4', 'gpt-5'] })];
  const one = [anAccount({ slots: 5, models: ['gpt-5'] })];

  it('grants nothing new, and its counter falls with its last lease', async () => {
    const heart = await aHeart(store, both);
    const fence = await heart.take('t/x', { targets: [GPT4] });
    await heart.configure(one);

    const denied = await heart.ask(acquire('t/y', { targets: [GPT4] }));
    const held = await counterOf(heart);
    await heart.send(release('t/x', fence));

    expect(denied).toMatchObject({ reason: 'no_account_for_model' });
    expect([held, await counterOf(heart)]).toEqual(['1', '0']);
  });

  it('keeps its number while it has leases, whatever else is configured', async () => {
    const heart = await aHeart(store, both);
    const fence = await heart.take('t/x', { targets: [GPT4] });
    for (const models of [['gpt-5'], ['gpt-5', 'm1'], ['m2'], ['m3', 'm4']]) {
      await heart.configure([anAccount({ slots: 5, models })]);
    }

    const held = await counterOf(heart);
    await heart.send(release('t/x', fence));

    expect(held).toBe('1');
    expect(await counterOf(heart)).toBe('0');
  });

  it('gives its number and its counter away once it is idle', async () => {
    const heart = await aHeart(store, both);
    await heart.configure(one);
    await heart.configure([anAccount({ slots: 5, models: ['gpt-5', 'm1'] })]);

    const numbers = heart.view.registry.models.map(({ model, number }) => `${number} ${model}`);

    expect(numbers).toEqual(['0 m1', '1 gpt-5']);
    expect(await counterOf(heart)).toBeNull();
    await heart.take('t/x', { targets: [{ pool: 'openai', model: 'm1' }] });
    expect(await counterOf(heart, { pool: 'openai', model: 'm1' })).toBe('1');
  });
});

describe('two writers', () => {
  it('apply a configuration each from what the other has left', async () => {
    const heart = await aHeart(store, [anAccount({ slots: 1 })]);
    const other = new Heart(store.redis, { cell: heart.cell });
    await other.configure([anAccount({ slots: 2 })]);

    const stale = await heart.call([acquire('t/x')]);
    await heart.adopt();
    const told = await heart.send(acquire('t/1'), acquire('t/2'), acquire('t/3'));

    expect(stale).toEqual({ kind: 'stale' });
    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'granted', 'denied']);
    expect(Object.keys(await leasesOf(heart)).length).toBe(2);
  });
});
