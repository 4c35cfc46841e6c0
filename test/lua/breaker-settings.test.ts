// @module-tag redis_required
// Settings of breakers that change while accounts are troubled: what is open already heeds them.
import { describe, expect, it } from 'vitest';
import {
  aBreakable,
  attempt,
  differences,
  fail,
  healthOf,
  next,
  stateOf,
} from '../support/health.ts';
import { aHeart } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

describe('other settings of a breaker', () => {
  it('that open it for less reopen it as if it had tripped under them', async () => {
    const heart = await aHeart(store, [aBreakable({}, { openMs: 10_000, maxOpenMs: 10_000 })]);
    await fail(heart, 3);
    await heart.configure([aBreakable({}, { openMs: 100, maxOpenMs: 400 })]);

    heart.now += 99;
    const before = await next(heart);
    heart.now += 1;
    const after = await next(heart);

    expect([before, after]).toEqual(['breaker_open', 'a1']);
    expect(await differences(heart)).toEqual([]);
  });

  it('that open it for longer leave it as it is', async () => {
    const heart = await aHeart(store, [aBreakable({}, { openMs: 100 })]);
    await fail(heart, 3);
    await heart.configure([aBreakable({}, { openMs: 10_000, maxOpenMs: 10_000 })]);

    heart.now += 100;

    expect(await next(heart)).toBe('a1');
  });

  it('count the growth of its open time too', async () => {
    const heart = await aHeart(store, [aBreakable({}, { openMs: 1000, maxOpenMs: 10_000 })]);
    await fail(heart, 3);
    heart.now += 1000;
    await attempt(heart, 'failed');
    await heart.configure([aBreakable({}, { openMs: 100, maxOpenMs: 10_000 })]);

    heart.now += 199;
    const before = await next(heart);
    heart.now += 1;
    const after = await next(heart);

    expect([before, after]).toEqual(['breaker_open', 'a1']);
  });

  it('that let nothing trip close it, whether it was open or half open', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);
    await heart.configure([aBreakable({}, { enabled: false })]);
    const afterOpen = await stateOf(heart);
    await heart.configure([aBreakable()]);
    await fail(heart, 3);
    heart.now += 1000;
    await heart.send();
    const between = await stateOf(heart);

    await heart.configure([aBreakable({}, { enabled: false })]);

    expect([afterOpen, between, await stateOf(heart)]).toEqual(['closed', 'half_open', 'closed']);
    await fail(heart, 20);
    expect(await next(heart)).toBe('a1');
    expect(await differences(heart)).toEqual([]);
  });

  it('that trip sooner trip with the next failure, for those before it count', async () => {
    const heart = await aHeart(store, [aBreakable({}, { consecutiveFailures: 5 })]);
    await fail(heart, 2);
    await heart.configure([aBreakable({}, { consecutiveFailures: 3 })]);
    const before = await next(heart);

    await fail(heart, 1);

    expect([before, await next(heart)]).toEqual(['a1', 'breaker_open']);
    expect((await healthOf(heart))['a1']?.breakers).toHaveLength(1);
  });
});
