// @module-tag redis_required
// What outcomes do to accounts: breakers that trip, reopen with one probe and close; cooldowns; accounts
// that are of no use until somebody mends them. On an integer clock.
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/core/domain.ts';
import { audit } from '../../src/scheduler/inspect.ts';
import type { Operation } from '../../src/scheduler/wire.ts';
import { classOf, dumpOf, setAsideOf } from '../support/cell-state.ts';
import { move } from '../support/failover.ts';
import { BREAKER, aBreakable, healthOf, reset, stateOf } from '../support/health.ts';
import { GPT4, Heart, aHeart, acquire, anAccount, cancel, release } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const O3 = { pool: 'openai', model: 'o3' };
let made = 0;

/** One attempt that ends at once. */
async function attempt(heart: Heart, outcome: Outcome, more: object = {}, targets = [GPT4]) {
  made += 1;
  const { tag, fence, account } = await heart.ask(acquire(`t/${made}`, { targets }));
  if (tag !== 'granted') return tag;
  await heart.ask({ ...release(`t/${made}`, fence!, outcome), ...more } as Operation);
  return account;
}

async function fail(heart: Heart, times: number, targets = [GPT4]): Promise<void> {
  for (let i = 0; i < times; i += 1) await attempt(heart, 'failed', {}, targets);
}

/** Where the next request would go, or why nowhere. Its slot comes back unused. */
async function next(heart: Heart, targets = [GPT4]) {
  made += 1;
  const told = await heart.ask(acquire(`t/${made}`, { targets }));
  if (told.tag === 'granted') await heart.ask(release(`t/${made}`, told.fence!, 'ignored'));
  return told.account ?? told.reason;
}

async function differences({ redis, cell }: Heart) {
  return (await audit({ redis, cell, keyStyle: 'plain' })).differences.filter(
    ({ where }) => where !== 'unreaped',
  );
}

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

describe('a breaker of one model', () => {
  const both = { models: ['gpt-4', 'o3'] };

  it('leaves the other models of its account served, and nothing of it to the tripped one', async () => {
    const heart = await aHeart(store, [
      aBreakable(both),
      aBreakable({ name: 'b1', tier: 1, ...both }),
    ]);

    await fail(heart, 3);

    expect(await next(heart)).toBe('b1');
    expect(await next(heart, [O3])).toBe('a1');
    expect(await differences(heart)).toEqual([]);
  });

  it('compares its account with the healthy ones by load', async () => {
    const heart = await aHeart(store, [
      aBreakable(both),
      aBreakable({ name: 'a2', slots: 8, ...both }),
    ]);
    const held = await heart.take('t/held', { targets: [O3] });
    const other = await heart.ask(acquire('t/other'));
    await heart.send(
      release('t/held', held, 'ignored'),
      release('t/other', other.fence!, 'ignored'),
    );
    const record = await heart.ask(acquire('t/p'));
    const sick = record.account!;
    await heart.send(release('t/p', record.fence!, 'failed'));
    heart.now = 1;
    for (let i = 0; (await stateOf(heart, sick)) !== 'open' && i < 20; i += 1) {
      const { fence, account } = await heart.ask(acquire(`t/f${i}`));
      await heart.ask(release(`t/f${i}`, fence!, account === sick ? 'failed' : 'ignored'));
    }

    const told = await heart.send(
      ...Array.from({ length: 12 }, (_, i) => acquire(`t/z${i}`, { targets: [O3] })),
    );

    const counts = { a1: 0, a2: 0 };
    for (const { account } of told) counts[account as 'a1' | 'a2'] += 1;
    expect(counts).toEqual({ a1: 4, a2: 8 });
  });

  it('that is half-open lets one through, and the others go on', async () => {
    const heart = await aHeart(store, [aBreakable(both)]);
    await fail(heart, 3);
    heart.now = 100;

    const told = await heart.send(
      acquire('t/1'),
      acquire('t/2'),
      acquire('t/3', { targets: [O3] }),
      acquire('t/4', { targets: [O3] }),
    );

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'denied', 'granted', 'granted']);
    expect(await differences(heart)).toEqual([]);
  });

  it('that closes brings its account back among the others', async () => {
    const heart = await aHeart(store, [aBreakable(both)]);
    await fail(heart, 3);
    const while_open = await classOf(heart);
    heart.now = 100;

    await attempt(heart, 'success');

    expect(while_open).toEqual([]);
    expect(await classOf(heart)).toEqual(['a1']);
    expect(await differences(heart)).toEqual([]);
  });

  it('where all of them have tripped leaves nothing of the account', async () => {
    const heart = await aHeart(store, [aBreakable(both)]);
    await fail(heart, 3);
    heart.now = 60;
    await fail(heart, 3, [O3]);

    const told = await heart.ask(acquire('t/x', { targets: [GPT4, O3] }));

    expect(told).toEqual({ tag: 'denied', reason: 'breaker_open', retryAfterMs: 40 });
    expect(await differences(heart)).toEqual([]);
  });
});

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
