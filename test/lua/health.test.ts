// @module-tag redis_required
// Cooldowns, accounts that are of no use until somebody mends them, resets, and what becomes of the
// records. On an integer clock.
import { describe, expect, it } from 'vitest';
import type { Operation } from '../../src/scheduler/wire.ts';
import { dumpOf, setAsideOf } from '../support/cell-state.ts';
import {
  aBreakable,
  attempt,
  differences,
  fail,
  healthOf,
  next,
  reset,
} from '../support/health.ts';
import { aHeart, acquire, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const O3 = { pool: 'openai', model: 'o3' };

describe('a cooldown', () => {
  it('lasts as long as the longest that was told', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    const first = await heart.take('t/1');
    const second = await heart.take('t/2');

    await heart.send({ ...release('t/1', first, 'rate_limited'), retryAfterMs: 300 } as Operation);
    await heart.send({ ...release('t/2', second, 'overloaded'), retryAfterMs: 20 } as Operation);
    const told = await heart.ask(acquire('t/x'));
    heart.now = 300;

    expect(told).toEqual({ tag: 'denied', reason: 'account_rate', retryAfterMs: 300 });
    expect(await next(heart)).toBe('a1');
  });

  it('has a configured length where none was told', async () => {
    const heart = await aHeart(store, [aBreakable()]);

    await attempt(heart, 'rate_limited');

    expect(await heart.ask(acquire('t/x'))).toMatchObject({ retryAfterMs: 50 });
  });

  it('of a model leaves the others alone', async () => {
    const heart = await aHeart(store, [aBreakable({ models: ['gpt-4', 'o3'] })]);

    await attempt(heart, 'rate_limited', { retryAfterMs: 70, scope: 'model' });
    const told = [await next(heart), await next(heart, [O3])];
    heart.now = 70;

    expect(told).toEqual(['account_rate', 'a1']);
    expect(await next(heart)).toBe('a1');
    expect(await healthOf(heart)).toEqual({});
  });

  it('does not go with the end of another rest', async () => {
    const limited = { ...aBreakable(), rates: { requestsPerMinute: 6000, requestsBurst: 1 } };
    const heart = await aHeart(store, [limited]);

    await attempt(heart, 'rate_limited', { retryAfterMs: 100 });
    heart.now = 10;
    await heart.send();
    const during = await next(heart);
    heart.now = 100;

    expect(during).toBe('account_rate');
    expect(await next(heart)).toBe('a1');
  });
});

describe('an unusable account', () => {
  it('grants nothing until somebody says that it is well', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await attempt(heart, 'unusable');
    heart.now = 1e9;
    const during = await next(heart);

    const told = await heart.ask(reset('a1'));

    expect(during).toBe('no_account_for_model');
    expect(told.tag).toBe('reset');
    expect(await next(heart)).toBe('a1');
  });

  it('begins again with another credential, and not with anything else', async () => {
    const heart = await aHeart(store, [{ ...aBreakable(), credentialMark: 1 }]);
    await attempt(heart, 'unusable');
    await heart.configure([{ ...aBreakable({ slots: 9 }), credentialMark: 1 }]);
    const during = await next(heart);

    await heart.configure([{ ...aBreakable({ slots: 9 }), credentialMark: 2 }]);

    expect(during).toBe('no_account_for_model');
    expect(await next(heart)).toBe('a1');
    expect(await differences(heart)).toEqual([]);
  });

  it('is not disabled again by what was granted before', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    const old = await heart.take('t/old');
    await attempt(heart, 'unusable');
    await heart.send(reset('a1'));

    await heart.send(release('t/old', old, 'unusable'));

    expect(await next(heart)).toBe('a1');
  });
});

describe('a reset', () => {
  it('closes one breaker of an account, or all that is wrong with it', async () => {
    const heart = await aHeart(store, [aBreakable({ models: ['gpt-4', 'o3'] })]);
    await fail(heart, 3);
    await fail(heart, 3, [O3]);

    await heart.send(reset('a1\topenai\to3'));
    const one = [await next(heart), await next(heart, [O3])];
    await heart.send(reset('a1'));

    expect(one).toEqual(['breaker_open', 'a1']);
    expect([await next(heart), await next(heart, [O3])]).toEqual(['a1', 'a1']);
    expect(await differences(heart)).toEqual([]);
  });

  it.each(['nobody', 'a1\topenai\tnothing', ''])(
    'of %j is unknown and writes nothing',
    async (line) => {
      const heart = await aHeart(store, [aBreakable()]);
      const before = await dumpOf(heart);

      const told = await heart.ask(reset(line));

      expect(told).toEqual({ tag: 'unknown' });
      expect(await dumpOf(heart)).toEqual(before);
    },
  );
});

describe('the record of an account', () => {
  it('survives another configuration, with its place', async () => {
    const both = { models: ['gpt-4', 'o3'] };
    const heart = await aHeart(store, [aBreakable(both)]);
    await fail(heart, 3);

    await heart.configure([aBreakable({ ...both, slots: 7 }), aBreakable({ name: 'z', tier: 3 })]);

    expect([await next(heart), await next(heart, [O3])]).toEqual(['z', 'a1']);
    expect(await differences(heart)).toEqual([]);
  });

  it('goes when its account is switched off, and with it', async () => {
    const heart = await aHeart(store, [aBreakable(), aBreakable({ name: 'a2' })]);
    await attempt(heart, 'unusable');
    await attempt(heart, 'unusable');

    await heart.configure([aBreakable({ enabled: false })]);

    expect(await healthOf(heart)).toEqual({});
  });

  it('is found again by a memory that begins anew', async () => {
    const heart = await aHeart(store, [aBreakable({ models: ['gpt-4', 'o3'] })]);
    await fail(heart, 3);
    // Another writer: what the scripts remember of the cell does not hold any more.
    await heart.redis.hincrby(heart.keys.cell, 'sequence', 5);

    expect([await next(heart), await next(heart, [O3])]).toEqual(['breaker_open', 'a1']);
  });

  it('that cannot be decoded is set aside, and traffic goes on', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);
    await heart.redis.hset(heart.keys.health, 'a1', 'no record');
    await heart.redis.hincrby(heart.keys.cell, 'sequence', 5);

    const reply = await heart.call([]);

    expect(reply).toMatchObject({ report: { setAside: 1 } });
    expect(await setAsideOf(heart)).toEqual(['health:a1']);
    expect(await healthOf(heart)).toEqual({});
  });

  it('lets another one probe after a loss of data', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 3);
    heart.now = 100;
    await heart.take('t/probe');
    await heart.redis.hdel(heart.keys.requests, 't/probe');
    await heart.redis.hset(heart.keys.inflight, 'a1', 0);

    await heart.call([], { incarnation: heart.incarnation + 1 });

    expect(await next(heart)).toBe('a1');
  });

  it('tells every change to the daemon that saw it, and keeps the last ones', async () => {
    const heart = await aHeart(store, [aBreakable()]);
    await fail(heart, 2);
    const fence = await heart.take('t/x');

    const reply = await heart.call([release('t/x', fence, 'overloaded')]);

    const line = 'a1\t0\t2\t3\t100';
    expect(reply).toMatchObject({ report: { alarms: `breaker\t${line}` } });
    expect(await heart.redis.lrange(heart.keys.breakerHistory, 0, 0)).toEqual([`0\t${line}`]);
  });
});
