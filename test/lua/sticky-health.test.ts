// @module-tag redis_required
// Sticky sessions and the health of their accounts: one that is sick loses its sessions, one that
// only rests gets them back.
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/core/domain.ts';
import { BREAKER, aBreakable } from '../support/health.ts';
import { aHeart, acquire, release } from '../support/heart.ts';
import type { Heart, Told } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

const CLAUDE = { pool: 'openai', model: 'claude' };

/** A request of the one session, for as long as it takes. */
const ask = (heart: Heart, id: string, model = 'gpt-4'): Promise<Told> =>
  heart.ask(
    acquire(id, {
      targets: [{ pool: 'openai', model }],
      leaseMs: 9000,
      session: { digest: 's1', isSticky: true, isLane: false },
    }),
  );

const models = ['gpt-4', CLAUDE.model];
const both = () => ['a1', 'a2'].map((name) => aBreakable({ name, models }));

/** The session has a request on its account, which ends so; returns the account. */
async function bindAndEnd(heart: Heart, outcome: Outcome, times = 1): Promise<string> {
  const grants = [];
  for (let i = 0; i < times; i += 1) grants.push(await ask(heart, `t/bind-${i}`));
  for (const [i, { fence }] of grants.entries()) {
    await heart.ask(release(`t/bind-${i}`, fence!, outcome));
  }
  return grants[0]!.account!;
}

describe('a session whose account', () => {
  it.each([
    ['is of no use', 'unusable', 1],
    ['has an open breaker', 'failed', BREAKER.consecutiveFailures],
  ] as const)('%s is bound to another one', async (_, outcome, times) => {
    const heart = await aHeart(store, both());
    const sick = await bindAndEnd(heart, outcome, times);

    const first = await ask(heart, 't/1');
    const second = await ask(heart, 't/2');

    expect(first).toMatchObject({ tag: 'granted', sticky: 'rebound' });
    expect(first.account).not.toBe(sick);
    expect(second).toMatchObject({ account: first.account, sticky: 'hit' });
  });

  it('cools down goes elsewhere meanwhile, and comes back', async () => {
    const heart = await aHeart(store, both());
    const cooling = await bindAndEnd(heart, 'rate_limited');

    const meanwhile = await ask(heart, 't/1');
    heart.now += BREAKER.cooldownMs;
    const later = await ask(heart, 't/2');

    expect(meanwhile).toMatchObject({ tag: 'granted', sticky: 'spilled' });
    expect(meanwhile.account).not.toBe(cooling);
    expect(later).toMatchObject({ account: cooling, sticky: 'hit' });
  });

  it('cools down for one model never waits for it, and stays with it for the others', async () => {
    const heart = await aHeart(store, both());
    heart.settings = { preferMs: 1000 };
    const { account: cooling, fence } = await ask(heart, 't/bind');
    const report = { outcome: 'rate_limited', scope: 'model', retryAfterMs: 5000 } as const;
    await heart.ask({ kind: 'release', id: 't/bind', fence: fence!, ...report });

    const same = await ask(heart, 't/1');
    const other = await ask(heart, 't/2', CLAUDE.model);

    expect(same).toMatchObject({ tag: 'granted', sticky: 'spilled' });
    expect(same.account).not.toBe(cooling);
    expect(other).toMatchObject({ account: cooling, sticky: 'hit' });
  });

  it('has moved to another one is still bound to its own', async () => {
    const heart = await aHeart(store, both());
    const grant = await ask(heart, 't/1');
    const move = { kind: 'move', id: 't/1', leaseMs: 9000, exclude: '' } as const;

    const moved = await heart.ask({
      ...move,
      demand: 'openai\tgpt-4',
      fence: grant.fence!,
      outcome: 'overloaded',
    });
    const next = await ask(heart, 't/2');

    expect(moved.tag).toBe('moved');
    expect(moved.account).not.toBe(grant.account);
    expect(next).toMatchObject({ account: grant.account, sticky: 'hit' });
  });
});
