// @module-tag redis_required
// What a cell keeps, brought from one layout to the next: by one of many, on from where another one
// died, and never by a version that is older than the cell.
import { describe, expect, it } from 'vitest';
import { SchedulerEmitter } from '../../src/core/events.ts';
import { assemble } from '../../src/redis/assemble.ts';
import { CODES } from '../../src/redis/codes.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { checkMigrations, Layout, MIGRATIONS, type Migration } from '../../src/scheduler/layout.ts';
import { startDemo } from '../support/demo-daemon.ts';
import { startDaemon } from '../../src/daemon.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const ofTest = (name: string): Migration => {
  return { name, script: () => assemble(`../test/support/migrations/${name}.lua`) };
};
const STEPS = [...MIGRATIONS, ofTest('count_once'), ofTest('in_parts')];

/** A cell that was made before cells had layouts, and daemons that know the steps of the test. */
async function anOldCell() {
  const keys = cellKeys(store.cell());
  await store.redis.hset(keys.cell, 'generation', 1);
  const migrated: string[] = [];
  const daemon = async (migrations: readonly Migration[] = STEPS) => {
    const events = new SchedulerEmitter();
    events.on('migrated', ({ name }) => migrated.push(name));
    const redis = await store.connect();
    return { redis, layout: new Layout({ redis, keys, events, migrations }) };
  };
  const field = (name: string) => store.redis.hget(keys.cell, name);
  return { keys, daemon, migrated, field };
}

describe('the steps', () => {
  it('lead to the layout that the scripts read', () => {
    expect(MIGRATIONS).toHaveLength(CODES.LAYOUT.version);
  });

  it('have names of at most 32 characters, each its own, which are entries of their scripts', () => {
    const entries = MIGRATIONS.map(({ script }) => script().header.entries[0]?.name);

    expect(entries).toEqual(MIGRATIONS.map(({ name }) => name));
    expect(() => checkMigrations(MIGRATIONS)).not.toThrow();
    expect(() => checkMigrations([ofTest('a'.repeat(33))])).toThrow('32 characters');
    expect(() => checkMigrations([ofTest('twice'), ofTest('twice')])).toThrow('unique');
  });
});

describe('a cell of an older layout', () => {
  it('is brought to the present one by one of many daemons, each step once, in order', async () => {
    const { daemon, migrated, field } = await anOldCell();
    const daemons = await Promise.all(Array.from({ length: 8 }, () => daemon()));

    await Promise.all(daemons.map(({ layout }) => layout.bring()));

    expect(migrated).toEqual(['number_layouts', 'count_once', 'in_parts']);
    expect([await field('layout'), await field('test_taken')]).toEqual(['3', '1']);
  });

  it('is brought on by another daemon where the first one died in the middle of a step', async () => {
    const { daemon, migrated, field } = await anOldCell();
    let calls = 0;
    const first = await daemon([
      ...STEPS.slice(0, 2),
      {
        name: 'in_parts',
        script: () => {
          calls += 1;
          if (calls === 2) first.redis.disconnect();
          return assemble('../test/support/migrations/in_parts.lua');
        },
      },
    ]);

    await expect(first.layout.bring()).rejects.toThrow();
    const left = [await field('layout'), await field('test_parts')];
    await (await daemon()).layout.bring();

    expect(left).toEqual(['2', '1']);
    expect([await field('layout'), await field('test_parts')]).toEqual(['3', '3']);
    expect([await field('test_taken'), migrated.at(-1)]).toEqual(['1', 'in_parts']);
  });

  it('is served by daemons of the present version, which have brought it there', async () => {
    const daemon = await startDemo(store);
    const { cell } = cellKeys(daemon.config.scheduler.cell);
    await store.redis.hdel(cell, 'layout');

    const ready = await fetch(`${daemon.url}/readyz`);

    expect(ready.status).toBe(200);
    expect(await store.redis.hget(cell, 'layout')).toBe(String(CODES.LAYOUT.version));
    expect(daemon.logged()).toContain('"name":"number_layouts"');
  });
});

describe('a cell of a newer layout', () => {
  it('is not touched by an older daemon', async () => {
    const { keys, daemon, field } = await anOldCell();
    await store.redis.hset(keys.cell, 'layout', 4);

    const { layout } = await daemon();

    await expect(layout.bring()).rejects.toMatchObject({ code: 'layout_newer' });
    await expect(layout.bring()).rejects.toThrow('layout 4; this version knows up to 3');
    expect(await field('layout')).toBe('4');
  });

  it('makes a running daemon say that it is not ready and why, until the cell is as it was', async () => {
    const daemon = await startDemo(store);
    const { cell } = cellKeys(daemon.config.scheduler.cell);
    await store.redis.hset(cell, 'layout', CODES.LAYOUT.version + 1);

    const refused = await fetch(`${daemon.url}/readyz`);

    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ status: 'not_ready', reason: 'layout_newer' });
    await store.redis.hset(cell, 'layout', CODES.LAYOUT.version);
    expect((await fetch(`${daemon.url}/readyz`)).status).toBe(200);
  });

  it('keeps a daemon from starting, with a message that says what to do', async () => {
    const { config } = await startDemo(store);
    await store.redis.hset(cellKeys(config.scheduler.cell).cell, 'layout', 99);

    const start = startDaemon({ config, env: process.env });

    await expect(start).rejects.toThrow('replace this daemon by the newer version');
  });
});
