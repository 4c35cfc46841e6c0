// @module-tag redis_required
// A daemon audits its cell by itself, and tells what it has found.
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { cellKeys } from '../../src/redis/keys.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aLoneScheduler } from '../support/schedulers.ts';

const store = useRedis();

it('a scheduler’s own audit is silent about a sound cell and counts what leases contradict', async () => {
  const { scheduler, redis, cell } = await aLoneScheduler(store, { auditIntervalMs: 20 });
  await scheduler.acquire({ targets: TARGETS });
  const sound: unknown[] = await once(scheduler.events, 'audited');

  await redis.incr(cellKeys(cell).concurrency(TARGETS[0]));
  await once(scheduler.events, 'audited');
  const broken: unknown[] = await once(scheduler.events, 'audited');

  expect(sound).toEqual([{ differences: 0 }]);
  expect(broken).toEqual([{ differences: 1 }]);
});
