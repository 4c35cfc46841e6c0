// @module-tag redis_required
// What trips a breaker, and what an open one does until it closes. On an integer clock.
import { describe, expect, it } from 'vitest';
import { classOf } from '../support/cell-state.ts';
import { move } from '../support/failover.ts';
import {
  BREAKER,
  aBreakable,
  attempt,
  differences,
  fail,
  healthOf,
  next,
  stateOf,
} from '../support/health.ts';
import { aHeart, acquire, anAccount, cancel, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();

describe('a healthy account', () => {
  it('has no record, whatever succeeds', async () => {
    const heart = await aHeart(store, [aBreakable()]);

    await attempt(heart, 'success');
    await attempt(heart, 'ignored');

    expect(await healthOf(heart)).toEqual({});
  });

  it('without a breaker is not touched by any outcome', async () => {
    const heart = await aHeart(store, [anAccount()]);

    for (const outcome of ['failed', 'unusable', 'rate_limited'] as const) {
      await attempt(heart, outcome);
    }

    expect(await healthOf(heart)).toEqual({});
    expect(await next(heart)).toBe('a1');
  });
});

describe('a breaker trips', () => {
  it('after so many failures in a row, and tells when it reopens', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 2);
    const before = await stateOf(heart);

    await fail(heart, 1);
    const told = await heart.ask(acquire('t/x'));

    expect(before).toBe('closed');
    expect(await stateOf(heart)).toBe('open');
    expect(told).toEqual({ tag: 'denied', reason: 'breaker_open', retryAfterMs: 100 });
    expect(await classOf(heart)).toEqual([]);
  });

  it('not where a success comes between', async () => {
    const heart = await aHeart(store, [aBreakable()]);

    for (let i = 0; i < 4; i += 1) {
      await fail(heart, 2);
      await attempt(heart, 'success');
      heart.now += BREAKER.windowMs;
    }

    expect(await next(heart)).toBe('a1');
  });

  it('at its error rate over a window', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    for (let i = 0; i < 4; i += 1) {
      await fail(heart, 1);
      await attempt(heart, 'success');
    }
    await fail(heart, 1);
    const before = await stateOf(heart);

    await fail(heart, 1);

    expect(before).toBe('closed');
    expect(await stateOf(heart)).toBe('open');
  });

  it('not by failures of a window that is over', async () => {
    const heart = await aHeart(store, [aBreakable({}, { consecutiveFailures: 0 })]);
    await fail(heart, 9);
    heart.now = BREAKER.windowMs;

    await fail(heart, 9);

    expect(await stateOf(heart)).toBe('closed');
    expect((await healthOf(heart))['a1']!.breakers[0]!.requests).toBe(9);
  });

  it('not by rate limits, nor by failures that shall not count', async () => {
    const heart = await aHeart(store, [aBreakable()]);

    for (let i = 0; i < 12; i += 1) {
      await attempt(heart, 'failed', { countsForBreaker: false });
      await attempt(heart, 'rate_limited', { retryAfterMs: 1 });
      heart.now += 1;
    }

    expect(await next(heart)).toBe('a1');
  });

  it('by outcomes that are told to count', async () => {
    const heart = await aHeart(store, [aBreakable({}, { cooldownMs: 0 })]);

    for (let i = 0; i < 3; i += 1) await attempt(heart, 'rate_limited', { countsForBreaker: true });

    expect(await stateOf(heart)).toBe('open');
  });

  it('never where it is switched off', async () => {
    const heart = await aHeart(store, [aBreakable({}, { enabled: false })]);

    await fail(heart, 30);

    expect(await next(heart)).toBe('a1');
  });

  it('by what a move tells of the account that it leaves', async () => {
    const heart = await aHeart(store, [aBreakable(), aBreakable({ name: 'a2', tier: 1 })]);
    await fail(heart, 2);
    const fence = await heart.take('t/x');

    const told = await heart.ask(move('t/x', fence));

    expect(told).toMatchObject({ tag: 'moved', account: 'a2' });
    expect(await stateOf(heart)).toBe('open');
    expect(await next(heart)).toBe('a2');
  });

  it('for one batch of failures once, and its late ones move nothing', async () => {
    const heart = await aHeart(store, [aBreakable({ slots: 8 })]);
    const ids = Array.from({ length: 8 }, (_, i) => `t/late-${i}`);
    const fences = (await heart.send(...ids.map((id) => acquire(id)))).map(({ fence }) => fence!);

    await heart.send(...ids.map((id, i) => release(id, fences[i]!, 'failed')));

    const [breaker] = (await healthOf(heart))['a1']!.breakers;
    expect(breaker).toMatchObject({ state: 'open', trips: 1, untilMs: 100, failures: 0 });
  });
});

describe('an open breaker', () => {
  it('lets one probe through when its time is over, and no second one', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);
    heart.now = 99;
    const early = await heart.ask(acquire('t/early'));
    heart.now = 100;

    const told = await heart.send(acquire('t/1'), acquire('t/2'), acquire('t/3'));

    expect(early.retryAfterMs).toBe(1);
    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'denied', 'denied']);
    expect(told[1]!.reason).toBe('breaker_open');
    expect((await healthOf(heart))['a1']!.breakers[0]).toMatchObject({
      state: 'half_open',
      isProbing: true,
    });
    expect(await differences(heart)).toEqual([]);
  });

  it('closes by the success of its probe, and serves as before', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);
    heart.now = 100;

    await attempt(heart, 'success');

    expect(await stateOf(heart)).toBe('closed');
    expect((await heart.send(acquire('t/p'), acquire('t/q'))).map(({ tag }) => tag)).toEqual([
      'granted',
      'granted',
    ]);
  });

  it('opens for longer each time that its probe fails, to a bound', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);
    const times: number[] = [];

    for (let i = 0; i < 4; i += 1) {
      const until = (await healthOf(heart))['a1']!.breakers[0]!.untilMs;
      times.push(until - heart.now);
      heart.now = until;
      expect(await attempt(heart, 'failed')).toBe('a1');
    }

    expect(times).toEqual([100, 200, 400, 400]);
  });

  it.each(['ignored', 'rate_limited'] as const)(
    'whose probe was %s is probed again',
    async (how) => {
      const heart = await aHeart(store, [aBreakable({}, { cooldownMs: 0 })]);
      await fail(heart, 3);
      heart.now = 100;

      const told = [await attempt(heart, how), await next(heart)];

      expect(told).toEqual(['a1', 'a1']);
      expect(await stateOf(heart)).toBe('half_open');
    },
  );

  it('whose probe is cancelled is probed again; whose prober dies opens again', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);
    heart.now = 100;
    await heart.take('t/x');
    await heart.send(cancel('t/x'));
    await heart.take('t/y');

    heart.now = 200;
    await heart.send();

    const [breaker] = (await healthOf(heart))['a1']!.breakers;
    expect(breaker).toMatchObject({ state: 'open', trips: 2, reason: 'reaped', untilMs: 400 });
  });

  it('is not moved by what was granted before it tripped', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    const old = await heart.take('t/old', { leaseMs: 9000 });
    await fail(heart, 3);
    heart.now = 100;
    const probe = await heart.take('t/probe');

    await heart.send(release('t/old', old, 'success'));
    const during = await stateOf(heart);
    await heart.send(release('t/probe', probe, 'failed'));

    expect(during).toBe('half_open');
    expect(await stateOf(heart)).toBe('open');
  });

  it('once closed is not opened by what was granted before it closed', async () => {
    const heart = await aHeart(store, [aBreakable({ slots: 8 })]);
    const ids = ['t/o1', 't/o2', 't/o3'];
    const fences = (await heart.send(...ids.map((id) => acquire(id, { leaseMs: 9000 })))).map(
      ({ fence }) => fence!,
    );
    await fail(heart, 3);
    heart.now = 100;
    await attempt(heart, 'success');

    await heart.send(...ids.map((id, i) => release(id, fences[i]!, 'failed')));

    expect(await stateOf(heart)).toBe('closed');
    expect(await next(heart)).toBe('a1');
  });

  it('is forgotten when it has been closed for a window', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);
    heart.now = 100;
    await attempt(heart, 'success');

    heart.now = 100 + BREAKER.windowMs;
    await heart.send();

    expect(await healthOf(heart)).toEqual({});
  });

  it('makes a request wait that may, and serves it when it reopens', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);

    const queued = await heart.ask(acquire('t/w', { waitMs: 500 }));
    const wake = await heart.call([]);
    const refused = await heart.ask(acquire('u/v', { waitMs: 99 }));
    heart.now = 100;
    const news = await heart.news();

    expect(queued.tag).toBe('queued');
    expect(wake).toMatchObject({ report: { wakeInMs: 100 } });
    expect(refused).toEqual({ tag: 'denied', reason: 'breaker_open', retryAfterMs: 100 });
    expect(news['t/w']).toMatchObject({ tag: 'granted', account: 'a1' });
  });

  it('leaves the requests to other accounts', async () => {
    const heart = await aHeart(store, [aBreakable(), aBreakable({ name: 'a2', tier: 1 })]);

    await fail(heart, 3);

    expect([await next(heart), await next(heart)]).toEqual(['a2', 'a2']);
  });
});
