// @module-tag redis_required
// A daemon's side of the breaker: what requests go by, what is read with the store hung, gone or
// damaged, and what is told.
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { costsimSchema } from '../../../src/config/costsim-schema.ts';
import { SchedulerEmitter, type V2Breaker } from '../../../src/core/events.ts';
import { CostsimBreaker } from '../../../src/costsim/breaker.ts';
import { CostsimEmitter } from '../../../src/costsim/events.ts';
import { LastTick } from '../../../src/costsim/last-tick.ts';
import { CostsimStore } from '../../../src/costsim/store.ts';
import { connectRedis } from '../../../src/redis/connection.ts';
import { eventually } from '../../support/eventually.ts';
import { anOwnServer } from '../../support/own-server.ts';
import { RedisProxy } from '../../support/redis-proxy.ts';
import { useRedis } from '../../support/redis.ts';
import { aScheduler } from '../../support/schedulers.ts';

const redis = useRedis();
const HAND = { by: 'ann', why: 'a look at it' };

interface Wish {
  readonly cell?: string;
  readonly client?: CostsimStore['redis'];
  readonly cooldownMs?: number;
  readonly scheduler?: SchedulerEmitter;
  readonly clock?: () => number;
}

async function aBreaker(wish: Wish = {}) {
  const { cell = redis.cell(), client = redis.redis, cooldownMs = 1000, clock } = wish;
  const { scheduler = new SchedulerEmitter() } = wish;
  const costsim = costsimSchema.parse({ breaker: { cooldownMs } });
  const events = new CostsimEmitter();
  const told: string[] = [];
  for (const kind of ['tripped', 'recovered', 'enabled', 'disabled'] as const) {
    events.on(kind, () => told.push(kind));
  }
  events.on('unreadable', ({ reason }) => told.push(reason));
  const store = new CostsimStore({
    ...{ cell, clock, redis: client, keyStyle: 'plain', daemon: 'd1', config: { costsim } },
  });
  const breaker = new CostsimBreaker({ store, events, scheduler, trustMs: 5000 });
  await breaker.start();
  onTestFinished(() => breaker.stop());
  return { breaker, store, events, told, scheduler, cell };
}

const tick = (scheduler: SchedulerEmitter, v2: V2Breaker): boolean =>
  scheduler.emit('tick', { operations: 1, seconds: 0, recoveringMs: 0, v2 });

describe('isV2Disabled', () => {
  it('is true while the breaker is open, and false when it is closed', async () => {
    const { breaker, told } = await aBreaker();

    await breaker.disable(HAND);
    const open = await breaker.isV2Disabled();
    await breaker.enable(HAND);
    const closed = await breaker.isV2Disabled();

    expect([open, closed]).toEqual([true, false]);
    expect(told).toEqual(['disabled', 'enabled']);
  });

  it('is false, and counted, for a state that is missing', async () => {
    const { breaker, told } = await aBreaker();

    expect(await breaker.isV2Disabled()).toBe(false);
    expect(told).toEqual(['missing']);
  });

  it.each([
    ['state', 'half'],
    ['recover_at', 'soon'],
  ])('is false, and counted, for a state whose %s is "%s"', async (field, value) => {
    const { breaker, store, told } = await aBreaker();
    await breaker.disable(HAND);
    await redis.redis.hset(store.keys.costsim, field, value);

    expect(await breaker.isV2Disabled()).toBe(false);
    expect(told).toEqual(['disabled', 'corrupt']);
  });

  it('is false, and counted, for a key that is no state', async () => {
    const { breaker, store, told } = await aBreaker();
    await redis.redis.set(store.keys.costsim, 'open');

    expect(await breaker.isV2Disabled()).toBe(false);
    expect(told).toEqual(['error']);
  });

  it('is false after its time, and counted, when the store hangs', async () => {
    const proxy = await RedisProxy.start(redis.url);
    const client = await connectRedis(proxy.url, { timeoutMs: 60_000, name: 'hung' });
    onTestFinished(async () => {
      client.disconnect();
      await proxy[Symbol.asyncDispose]();
    });
    const { breaker, told } = await aBreaker({ client });
    await breaker.disable(HAND);
    proxy.set('hole');
    const from = performance.now();

    const found = await breaker.isV2Disabled({ timeoutMs: 200 });

    expect(found).toBe(false);
    expect(told).toEqual(['disabled', 'timeout']);
    expect(performance.now() - from).toBeLessThan(5000);
  });

  it('is false, and counted, when the store was killed', async () => {
    const { server, connect } = await anOwnServer({});
    const client = await connect();
    const { breaker, told } = await aBreaker({ client });
    await breaker.disable(HAND);
    await server.stop();

    const found = await breaker.isV2Disabled({ timeoutMs: 1000 });

    expect(found).toBe(false);
    expect(told[1]).toMatch(/^(error|timeout)$/);
  });
});

describe('what a request goes by', () => {
  it('is what the last tick of a real scheduler told', async () => {
    const cell = redis.cell();
    const scheduler = await aScheduler({ redis: redis.redis, cell });
    const { breaker } = await aBreaker({ cell, scheduler: scheduler.events });
    const seen = async (): Promise<boolean> => {
      await scheduler.ping();
      return breaker.isV2DisabledNow();
    };

    const before = await seen();
    await breaker.disable(HAND);
    const open = await seen();
    await breaker.enable(HAND);
    const closed = await seen();

    expect([before, open, closed]).toEqual([false, true, false]);
  });

  it.each(['missing', 'corrupt'] as const)('is v2, and counted, where it is %s', async (state) => {
    const { breaker, told, scheduler } = await aBreaker();
    tick(scheduler, state);

    expect(breaker.isV2DisabledNow()).toBe(false);
    expect(told).toEqual([state]);
  });

  it('is put right in the store once somebody found it missing, with all the rest', async () => {
    const cell = redis.cell();
    const scheduler = await aScheduler({ redis: redis.redis, cell });
    const { breaker, store } = await aBreaker({ cell, scheduler: scheduler.events });
    await scheduler.ping();

    const first = breaker.isV2DisabledNow();

    await eventually(async () => {
      await scheduler.ping();
      expect(breaker.lastKnown).toBe('closed');
    });
    expect(first).toBe(false);
    expect(await redis.redis.hget(store.keys.costsim, 'state')).toBe('closed');
  });

  it('is v2, and counted, where the last tick is too long ago', () => {
    let nowMs = 0;
    const reasons: string[] = [];
    const events = new SchedulerEmitter();
    const lastTick = new LastTick({
      events,
      trustMs: 5000,
      onChange: () => undefined,
      onUnreadable: (reason) => reasons.push(reason),
      nowMs: () => nowMs,
    });
    tick(events, 'open');

    nowMs = 5000;
    const trusted = lastTick.isV2Disabled();
    nowMs = 5001;
    const old = lastTick.isV2Disabled();

    expect([trusted, old, reasons]).toEqual([true, false, ['outdated']]);
  });
});

describe('recovery', () => {
  it('comes by itself, once, however many daemons wait for it', async () => {
    const cell = redis.cell();
    const scheduler = await aScheduler({ redis: redis.redis, cell });
    const daemons = await Promise.all(
      Array.from({ length: 5 }, () => aBreaker({ cell, scheduler: scheduler.events })),
    );
    const [first] = daemons;
    await first!.breaker.trip({ by: 'canary', why: 'failed' });

    await eventually(async () => {
      await scheduler.ping();
      expect(daemons.flatMap(({ told }) => told)).toContain('recovered');
    });

    expect(daemons.flatMap(({ told }) => told)).toEqual(['tripped', 'recovered']);
    expect(await first!.breaker.isV2Disabled()).toBe(false);
  });

  it('is found out by a daemon that starts while the breaker is open', async () => {
    const cell = redis.cell();
    const { breaker } = await aBreaker({ cell });
    await breaker.trip({ by: 'canary', why: 'failed' });
    await breaker.stop();
    const scheduler = await aScheduler({ redis: redis.redis, cell });

    const late = await aBreaker({ cell, scheduler: scheduler.events });
    await scheduler.ping();

    await once(late.events, 'recovered');
    expect(await late.breaker.isV2Disabled()).toBe(false);
  });
});

describe('a daemon that died before it told of its change', () => {
  it('is stood in for by another one, once', async () => {
    const cell = redis.cell();
    let now = 1000;
    const clock = (): number => now;
    const dead = await aBreaker({ cell, clock });
    await dead.store.disable(HAND);
    const [one, other] = [await aBreaker({ cell, clock }), await aBreaker({ cell, clock })];

    await one.breaker.status();
    now += 10_000;
    await one.breaker.status();
    await other.breaker.status();
    now += 10_000;
    await other.breaker.status();

    expect([...one.told, ...other.told]).toEqual(['disabled']);
  });
});

describe('a store that is away', () => {
  it('is told to whoever asks for the state, as an error without its words', async () => {
    const { server, connect } = await anOwnServer({});
    const { breaker } = await aBreaker({ client: await connect() });
    await server.stop();

    await expect(breaker.status()).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});
