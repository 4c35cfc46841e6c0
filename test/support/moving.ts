// A heart whose requests wait for another account, and the proof after each step that no counter
// contradicts the leases.
import { expect } from 'vitest';
import { CODES } from '../../src/redis/codes.ts';
import { audit } from '../../src/scheduler/inspect.ts';
import type { Operation } from '../../src/scheduler/wire.ts';
import { waitersOf } from './cell-state.ts';
import { move, type MoveWish } from './failover.ts';
import type { Heart } from './heart.ts';

/** A move that may wait for a second. */
export function patient(id: string, fence: number, wish: MoveWish = {}): Operation {
  return move(id, fence, { waitMs: 1000, ...wish });
}

/** The audit reads the server's clock, by which leases of integer times have expired. */
export async function expectSound({ redis, cell }: Heart): Promise<void> {
  const { differences } = await audit({ redis, cell, keyStyle: 'plain' });
  expect(differences.filter(({ where }) => where !== 'unreaped')).toEqual([]);
}

/** Nobody waits any more, and no line or timer of theirs is left. */
export async function expectNobodyWaits(heart: Heart): Promise<void> {
  const { redis, keys } = heart;
  await expectSound(heart);
  expect(await waitersOf(heart)).toEqual([]);
  expect(await redis.zrange(keys.line, '0', '-1')).toEqual(['_']);
  const timers = await redis.zrange(keys.timers, '0', '-1');
  expect(timers.filter((timer) => /^[cd]/.test(timer))).toEqual([]);
  const demands = await redis.hkeys(keys.demands);
  const numbers = demands.filter((field) => /^[#=]\d/.test(field));
  expect(numbers.filter((field) => Number(field.slice(1)) >= CODES.DEMANDS.most)).toEqual([]);
}
