// @module-tag redis_required
// Fair shares of contended slots: service in slot-milliseconds follows the weights, whatever the
// holds; a tenant that comes back is owed nothing and owes nothing; reserved slots go first.
import { describe, expect, it } from 'vitest';
import { readPoolFlow, readTenantFlow } from '../../src/redis/state-records.ts';
import type { SchedulerTenant } from '../../src/scheduler/admission.ts';
import { aHeart, acquire, anAccount, release } from '../support/heart.ts';
import type { Heart } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const LONG = { waitMs: 1_000_000, leaseMs: 1_000_000 };

interface Caller extends SchedulerTenant {
  readonly holdMs: number;
  /** Requests that it keeps asking for. */
  readonly demand: number;
  readonly fromMs?: number;
}

interface Served {
  readonly slotMs: Record<string, number>;
  readonly order: string[];
}

interface Running {
  readonly id: string;
  readonly fence: number;
  readonly at: number;
  since: number;
}

/** What outlives one stretch of time. */
class Crowd {
  readonly running: Running[] = [];
  readonly wanted = new Map<string, number>();
  number = 0;
}

/** Callers that always want more share the slots until `untilMs`, on the integer clock. */
async function share(
  heart: Heart,
  callers: readonly Caller[],
  untilMs: number,
  crowd = new Crowd(),
): Promise<Served> {
  const slotMs: Record<string, number> = {};
  const order: string[] = [];
  const { running, wanted } = crowd;
  for (const one of running) one.since = heart.now;
  const byName = new Map(callers.map((caller) => [caller.name, caller]));
  const began = (id: string, fence: number): void => {
    const name = id.split('/')[0]!;
    order.push(id);
    running.push({ id, fence, since: heart.now, at: heart.now + byName.get(name)!.holdMs });
    wanted.set(name, (wanted.get(name) ?? 1) - 1);
  };
  while (heart.now < untilMs) {
    const due = running.filter(({ at }) => at <= heart.now);
    for (const one of due) running.splice(running.indexOf(one), 1);
    for (const { id, since } of due) {
      const name = id.split('/')[0]!;
      slotMs[name] = (slotMs[name] ?? 0) + heart.now - since;
    }
    const asks = callers.flatMap(({ name, demand, fromMs = 0 }) => {
      if (heart.now < fromMs) return [];
      const missing = demand - (wanted.get(name) ?? 0);
      wanted.set(name, demand);
      return Array.from({ length: missing }, () => acquire(`${name}/${(crowd.number += 1)}`, LONG));
    });
    const ops = [...due.map(({ id, fence }) => release(id, fence)), ...asks];
    const reply = await heart.call(ops.slice(0, 64));
    if (reply.kind !== 'ok') throw new Error(reply.kind);
    reply.told.forEach((told, i) => {
      if (told.tag === 'granted') began(ops[i]!.id, told.fence!);
    });
    const news = heart.told(reply.report.notices);
    for (const [id, { fence }] of Object.entries(news)) began(id, fence!);
    heart.now += 1;
  }
  return { slotMs, order };
}

async function aSharedHeart(callers: readonly Caller[], slots: number): Promise<Heart> {
  return await aHeart(store, [anAccount({ slots })], {
    admission: {
      tenants: callers.map(({ name, weight, reservedSlots = {} }) => ({
        name,
        weight,
        reservedSlots,
      })),
      timeZone: 'UTC',
    },
  });
}

const total = (served: Served): number =>
  Object.values(served.slotMs).reduce((sum, ms) => sum + ms, 0);

describe('fair shares', () => {
  it('follow weights 1:2:4', async () => {
    const callers = [1, 2, 4].map((weight) => ({
      name: `w${weight}`,
      weight,
      holdMs: 10,
      demand: 8,
    }));
    const heart = await aSharedHeart(callers, 4);

    const served = await share(heart, callers, 700);

    for (const { name, weight } of callers) {
      const entitled = (total(served) * weight) / 7;
      expect(Math.abs(served.slotMs[name]! - entitled)).toBeLessThanOrEqual(2 * 10);
    }
    expect(total(served)).toBeGreaterThan(0.95 * 4 * 700);
  });

  it('count slot-milliseconds: holds of 1:60 get equal time, not equal turns', async () => {
    const callers = [
      { name: 'short', weight: 1, holdMs: 1, demand: 8 },
      { name: 'long', weight: 1, holdMs: 60, demand: 8 },
    ];
    const heart = await aSharedHeart(callers, 2);

    const served = await share(heart, callers, 1200);

    const half = total(served) / 2;
    expect(served.slotMs['short']! / half).toBeGreaterThan(0.9);
    expect(served.slotMs['long']! / half).toBeGreaterThan(0.9);
  });

  it('owe nothing to a tenant that was away, and take nothing from it', async () => {
    const callers = [
      { name: 'early', weight: 1, holdMs: 10, demand: 8 },
      { name: 'later', weight: 1, holdMs: 10, demand: 8, fromMs: 400 },
    ];
    const heart = await aSharedHeart(callers, 2);
    const crowd = new Crowd();
    const alone = await share(heart, callers, 400, crowd);

    const both = await share(heart, callers, 800, crowd);

    expect(alone.slotMs['early']!).toBeGreaterThan(0.9 * 800);
    const ratio = both.slotMs['later']! / total(both);
    expect(ratio).toBeGreaterThan(0.45);
    expect(ratio).toBeLessThan(0.6);
  });

  it('are first in, first out within a tenant', async () => {
    const callers = [
      { name: 'a', weight: 1, holdMs: 7, demand: 10 },
      { name: 'b', weight: 3, holdMs: 3, demand: 10 },
    ];
    const heart = await aSharedHeart(callers, 3);

    const { order } = await share(heart, callers, 200);

    for (const name of ['a', 'b']) {
      const numbers = order
        .filter((id) => id.startsWith(`${name}/`))
        .map((id) => Number(id.split('/')[1]));
      expect(numbers).toEqual([...numbers].sort((x, y) => x - y));
    }
  });

  it('give reserved slots to their tenant first, and lend them while it is idle', async () => {
    const callers = [
      { name: 'big', weight: 9, holdMs: 10, demand: 8 },
      { name: 'sure', weight: 1, holdMs: 10, demand: 8, fromMs: 200, reservedSlots: { openai: 2 } },
    ];
    const heart = await aSharedHeart(callers, 4);
    const crowd = new Crowd();
    const alone = await share(heart, callers, 200, crowd);

    const both = await share(heart, callers, 600, crowd);

    expect(alone.slotMs['big']!).toBeGreaterThan(0.9 * 4 * 200);
    expect(both.slotMs['sure']! / total(both)).toBeGreaterThan(0.45);
  });

  it('charge slots held from before only with their use since others began to wait', async () => {
    const callers = ['first', 'second'].map((name) => ({ name, weight: 1, holdMs: 10, demand: 8 }));
    const heart = await aSharedHeart(callers, 4);
    const crowd = new Crowd();
    for (const number of [1, 2, 3, 4]) {
      const id = `first/before-${number}`;
      crowd.running.push({ id, fence: await heart.take(id, LONG), at: 1010, since: 1000 });
    }
    heart.now = 1000;

    const { slotMs } = await share(heart, callers, 1400, crowd);

    // In debt with the whole second it would get nothing in these 400 ms, in debt with nothing 20 more.
    const lag = slotMs['second']! - slotMs['first']!;
    expect(Math.abs(lag)).toBeLessThanOrEqual(2 * 10);
  });

  it('know the holds of those who come in turn before anybody waits', async () => {
    const callers = Array.from({ length: 8 }, (_, i) => {
      return { name: `t${i}`, weight: 1, holdMs: 1, demand: 1 };
    });
    const heart = await aSharedHeart(callers, 8);
    for (let i = 0; i < 40; i += 1) {
      const ids = callers.map(({ name }) => `${name}/${i}`);
      const told = await heart.send(...ids.map((id) => acquire(id, LONG)));
      heart.now += 20;
      await heart.send(...ids.map((id, at) => release(id, told[at]!.fence!)));
    }

    const flows = await heart.redis.hgetallBuffer(heart.keys.flows);

    expect(readPoolFlow(flows['openai']).holdMs).toBeCloseTo(20);
    for (const { name } of callers)
      expect(readTenantFlow(flows[`openai\t${name}`])).toEqual({
        holdMs: 20,
        inFlight: 0,
        waiting: 0,
      });
  });

  it('leave nothing behind of a tenant that nobody has registered', async () => {
    const heart = await aHeart(store, [anAccount()]);
    const fence = await heart.take('stranger/1', LONG);
    await heart.ask(acquire('stranger/2', LONG));
    const news = await heart.news(release('stranger/1', fence));

    await heart.ask(release('stranger/2', news['stranger/2']!.fence!));

    expect(await heart.redis.hkeys(heart.keys.flows)).not.toContain('openai\tstranger');
  });
});
