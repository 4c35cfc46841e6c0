// What a cell has stored of troubled accounts, by words, and accounts that can be troubled.
import { readHealth } from '../../src/redis/health-records.ts';
import type { BreakerTerms, SchedulerAccount } from '../../src/scheduler/plan.ts';
import type { Operation } from '../../src/scheduler/wire.ts';
import { anAccount } from './heart.ts';
import type { AccountWish, Heart } from './heart.ts';

/** Trips after 3 failures in a row, or half of 10 requests within 1,000 ms; open for 100 ms at first. */
export const BREAKER: BreakerTerms = {
  enabled: true,
  consecutiveFailures: 3,
  errorRate: 0.5,
  minRequests: 10,
  windowMs: 1000,
  openMs: 100,
  maxOpenMs: 400,
  cooldownMs: 50,
};

/** `a1` with 4 slots and a breaker. */
export function aBreakable(
  wish: AccountWish = {},
  breaker: Partial<BreakerTerms> = {},
): SchedulerAccount {
  return { ...anAccount({ slots: 4, ...wish }), breaker: { ...BREAKER, ...breaker } };
}

export const reset = (holding: string): Operation => ({ kind: 'reset', id: '-/reset', holding });

/** Records by account; undefined for one that cannot be decoded. */
export async function healthOf(heart: Heart) {
  const { _: sentinel, ...all } = await heart.redis.hgetallBuffer(heart.keys.health);
  if (sentinel === undefined) throw new Error('the health has lost its sentinel');
  return Object.fromEntries(Object.entries(all).map(([name, raw]) => [name, readHealth(raw)]));
}

/** "closed", "open" and so on of one breaker; undefined where nothing is stored of it. */
export async function stateOf(heart: Heart, account = 'a1', model?: string) {
  const record = (await healthOf(heart))[account];
  const number = (name: string): number | undefined =>
    heart.view.registry.models.find((entry) => entry.model === name)?.number;
  const wanted = model === undefined ? undefined : number(model);
  return record?.breakers.find((entry) => wanted === undefined || entry.model === wanted)?.state;
}
