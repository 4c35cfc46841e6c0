// The proof that a cell's queue is at rest: nobody waits, nothing is held or reserved, no timer of a
// waiter is left, and no structure contradicts another.
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { readPoolFlow } from '../../src/redis/state-records.ts';
import { audit, readCounters } from '../../src/scheduler/inspect.ts';

export interface ObservedCell {
  readonly redis: Redis;
  readonly cell: string;
}

/** Waiters of the cell, as the store counts them. */
export async function waitersIn({ redis, cell }: ObservedCell): Promise<number> {
  return Number(await redis.hget(cellKeys(cell).cell, 'waiting'));
}

export async function leasesIn({ redis, cell }: ObservedCell): Promise<number> {
  return (await redis.hlen(cellKeys(cell).requests)) - 1;
}

/** Weights of those that wait, by pool, as fair queueing adds them up. */
async function backlogsOf({ redis, cell }: ObservedCell): Promise<Record<string, number>> {
  const flows = Object.entries(await redis.hgetallBuffer(cellKeys(cell).flows));
  const pools = flows.filter(([name]) => !name.includes('\t'));
  return Object.fromEntries(pools.map(([name, raw]) => [name, readPoolFlow(raw).backlog]));
}

export async function expectNothingLeft(observed: ObservedCell): Promise<void> {
  const { redis, cell } = observed;
  const keys = cellKeys(cell);
  const sentinel = CODES.SENTINEL.name.replaceAll("'", '');
  const source = { redis, cell, keyStyle: 'plain' } as const;
  const { accounts, models, leases, waiting, budget } = await readCounters(source);
  expect({ leases, waiting, reserved: budget?.reservedMicro ?? 0 }).toEqual({
    leases: 0,
    waiting: 0,
    reserved: 0,
  });
  expect(accounts.filter((account) => account.inFlight !== 0)).toEqual([]);
  expect(models.filter((model) => model.inFlight !== 0)).toEqual([]);
  expect(await redis.hkeys(keys.waiters)).toEqual([sentinel]);
  expect(await redis.zrange(keys.line, '0', '-1')).toEqual([sentinel]);
  expect(await redis.zrange(keys.timers, '0', '-1')).toEqual([sentinel]);
  expect(new Set(Object.values(await backlogsOf(observed)))).toEqual(new Set([0]));
  expect((await audit(source)).differences).toEqual([]);
}
