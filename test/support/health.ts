// What a cell has stored of troubled accounts, by words, and accounts that can be troubled.
import { nanoid } from 'nanoid';
import type { Outcome } from '../../src/core/domain.ts';
import { readHealth } from '../../src/redis/health-records.ts';
import { audit } from '../../src/scheduler/inspect.ts';
import type { BreakerTerms, SchedulerAccount } from '../../src/scheduler/plan.ts';
import type { Operation } from '../../src/scheduler/wire.ts';
import { GPT4, acquire, anAccount, release } from './heart.ts';
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

/** One attempt that ends at once: its account, or why it was not granted. */
export async function attempt(heart: Heart, outcome: Outcome, more: object = {}, targets = [GPT4]) {
  const id = nanoid();
  const { tag, fence, account } = await heart.ask(acquire(`t/${id}`, { targets }));
  if (tag !== 'granted') return tag;
  await heart.ask({ ...release(`t/${id}`, fence!, outcome), ...more });
  return account;
}

export async function fail(heart: Heart, times: number, targets = [GPT4]): Promise<void> {
  for (let i = 0; i < times; i += 1) await attempt(heart, 'failed', {}, targets);
}

/** Where the next request would go, or why nowhere. Its slot comes back unused. */
export async function next(heart: Heart, targets = [GPT4]) {
  const id = nanoid();
  const told = await heart.ask(acquire(`t/${id}`, { targets }));
  if (told.tag === 'granted') await heart.ask(release(`t/${id}`, told.fence!, 'ignored'));
  return told.account ?? told.reason;
}

/** What an audit finds, but for leases that only a test's clock knows as alive. */
export async function differences({ redis, cell }: Heart) {
  return (await audit({ redis, cell, keyStyle: 'plain' })).differences.filter(
    ({ where }) => where !== 'unreaped',
  );
}
