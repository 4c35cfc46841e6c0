// @module-tag redis_required
// The directory in Redis: changes are compare-and-set, readings see one moment.
import { describe, expect, it } from 'vitest';
import { cellKeys } from '../../../src/redis/keys.ts';
import { DirectoryStore, NOTHING } from '../../../src/tenants/directory-store.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();

function aStore() {
  const cell = server.cell();
  const store = new DirectoryStore({ redis: server.redis, cell, keyStyle: 'plain' });
  return { store, key: cellKeys(cell).directory };
}

const change = (tenant: string, seen: string | undefined, value: string | undefined) => {
  return { tenant, seen, value };
};

describe('a change', () => {
  it('is made where the entry is what was seen, and refused elsewhere', async () => {
    const { store } = aStore();

    const results = [
      await store.change(change('acme', undefined, 'one')),
      await store.change(change('acme', undefined, 'another')),
      await store.change(change('acme', 'one', 'two')),
      await store.change(change('acme', 'one', 'three')),
    ];

    const { entries } = await store.read(NOTHING);
    expect(results).toEqual(['changed', 'differs', 'changed', 'differs']);
    expect([...entries]).toEqual([['acme', 'two']]);
  });

  it('never brings back what was removed meanwhile', async () => {
    const { store } = aStore();
    await store.change(change('acme', undefined, 'one'));
    await store.change(change('acme', 'one', undefined));

    const late = await store.change(change('acme', 'one', 'two'));

    expect(late).toBe('differs');
    expect((await store.read(NOTHING)).entries.size).toBe(0);
  });

  it('that is refused writes nothing, not even a version', async () => {
    const { store, key } = aStore();

    await store.change(change('acme', 'one', 'two'));

    expect(await server.redis.exists(key)).toBe(0);
  });

  it('leaves the sentinel when the last entry goes, so that the key stays', async () => {
    const { store, key } = aStore();
    await store.change(change('acme', undefined, 'one'));

    await store.change(change('acme', 'one', undefined));

    expect((await server.redis.hkeys(key)).sort()).toEqual(['_', 'version']);
  });

  it('is refused where the directory is full, but what is there may change and go', async () => {
    const { store, key } = aStore();
    const others = Array.from({ length: 10_000 }, (_, i) => [`tenant:t${i}`, 'x']).flat();
    await server.redis.hset(key, '_', '', 'version', 'v', ...others);

    const results = [
      await store.change(change('acme', undefined, 'one')),
      await store.change(change('t1', 'x', 'y')),
      await store.change(change('t2', 'x', undefined)),
      await store.change(change('acme', undefined, 'one')),
    ];

    expect(results).toEqual(['full', 'changed', 'changed', 'changed']);
  });
});

describe('a reading', () => {
  it('is the known one itself where nothing has changed', async () => {
    const { store } = aStore();
    await store.change(change('acme', undefined, 'one'));

    const first = await store.read(NOTHING);
    const second = await store.read(first);
    await store.change(change('acme', 'one', 'two'));
    const third = await store.read(second);

    expect(second).toBe(first);
    expect(third.entries.get('acme')).toBe('two');
  });

  it('sees that the store was lost and has had as many changes since', async () => {
    const { store, key } = aStore();
    await store.change(change('acme', undefined, 'one'));
    const before = await store.read(NOTHING);

    await server.redis.del(key);
    await store.change(change('beta', undefined, 'one'));
    const after = await store.read(before);

    expect([...after.entries.keys()]).toEqual(['beta']);
  });
});
