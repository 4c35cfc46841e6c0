// @module-tag redis_required
// Function libraries of other versions go when a daemon starts, and come back where they are used.
import { expect, it } from 'vitest';
import { assemble } from '../../src/redis/assemble.ts';
import { dropOtherVersions } from '../../src/redis/script.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const OLD =
  "#!lua name=slotkeeper_tick_old\nredis.register_function('slotkeeper_tick_old_tick', function() return 1 end)";
const FOREIGN = "#!lua name=theirs\nredis.register_function('theirs', function() return 1 end)";

async function libraries(): Promise<unknown[]> {
  const listed = (await store.redis.call('function', ['list'])) as unknown[][];
  return listed.map((facts) => facts[facts.indexOf('library_name') + 1]);
}

it('a daemon that starts deletes the libraries of other versions, and nobody else’s', async () => {
  const current = assemble('audit.lua');
  for (const source of [OLD, FOREIGN, current.source]) {
    await store.redis.call('function', ['load', source]);
  }

  await dropOtherVersions(store.redis, [current]);

  expect(await libraries()).toEqual(expect.arrayContaining([current.library, 'theirs']));
  expect(await libraries()).toHaveLength(2);
});
