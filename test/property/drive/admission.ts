// One cell with waiting, tenants, rates and budgets, driven step by step by three daemons, one of which
// may fall silent, and what must hold after every step.
import { expect } from 'vitest';
import type { AdmissionPolicy } from '../../../src/scheduler/admission.ts';
import { blockedMs } from '../../../src/scheduler/health.ts';
import { audit } from '../../../src/scheduler/inspect.ts';
import type { Operation } from '../../../src/scheduler/wire.ts';
import { ledgerOf, leasesOf, waitersOf } from '../../support/cell-state.ts';
import { GPT4, Heart, acquire, anAccount, cancel, release, renew } from '../../support/heart.ts';
import { move } from '../../support/failover.ts';
import { aBreakable, healthOf, reset } from '../../support/health.ts';
import type { Told } from '../../support/heart.ts';
import type { TestRedis } from '../../support/redis.ts';
import type { Ask, Step } from './admission-steps.ts';
import { LaneWatch } from './lane-watch.ts';

const STOP = 300;
const BACKUP = { pool: 'backup', model: 'gpt-4' };
const O3 = { pool: 'backup', model: 'o3' };
const DEMANDS = [[GPT4], [BACKUP], [GPT4, BACKUP], [O3, GPT4], []];
const TROUBLED = ['a1', 'b1'];
/** Cooldowns are left out: an audit reads the server's clock. */
const BREAKER = { consecutiveFailures: 2, minRequests: 4, openMs: 20, cooldownMs: 0 };

const POLICY: AdmissionPolicy = {
  timeZone: 'UTC',
  budget: { warnMicro: 200, stopMicro: STOP, period: 'none' },
  tenants: [
    { name: 'capped', weight: 1, maxConcurrency: 2 },
    { name: 'rated', weight: 2, requestsPerMinute: 600, requestsBurst: 3, rateLimited: 'wait' },
    { name: 'poor', weight: 4, budget: { stopMicro: 60, period: 'none' } },
    {
      name: 'plain',
      weight: 1,
      reservedSlots: { openai: 1 },
      tokensPerMinute: 60_000,
      tokensBurst: 90,
    },
  ],
};

function accountsOf(limits: readonly [number, number]) {
  return [
    aBreakable({ name: 'a1', slots: limits[0] }, BREAKER),
    aBreakable({ name: 'b1', pool: 'backup', slots: limits[1], models: ['gpt-4', 'o3'] }, BREAKER),
    {
      ...anAccount({ name: 'b2', pool: 'backup', slots: 2, tier: 1 }),
      rates: { requestsPerMinute: 1200, requestsBurst: 2 },
    },
  ];
}

const GAP_MS = 1000;

/** Drives one cell and remembers who asked for what. */
export class World {
  readonly hearts: Heart[] = [];
  readonly redis: TestRedis;
  readonly seen: Set<string>;
  /** Ids with the operation that asked for them and whose they are. */
  readonly asked = new Map<string, { readonly op: Operation; readonly daemon: number }>();
  readonly finals = new Map<string, string>();
  /** Ids that have asked for another account: what they are told then is no end. */
  readonly moving = new Set<string>();
  now = 0;
  limits: readonly [number, number] = [2, 2];
  number = 0;
  readonly lanes = new LaneWatch();

  constructor(redis: TestRedis, seen: Set<string>) {
    this.redis = redis;
    this.seen = seen;
  }

  async begin(): Promise<void> {
    const cell = this.redis.cell();
    for (let i = 0; i < 3; i += 1) {
      const heart = new Heart(this.redis.redis, { cell, daemon: `daemon-${i}` });
      heart.settings = { sessionMs: 500, maxSessions: 3, preferMs: 20 };
      this.hearts.push(heart);
    }
    await this.configure();
  }

  async configure(): Promise<void> {
    await this.hearts[0]!.configure(accountsOf(this.limits), POLICY);
    for (const heart of this.hearts.slice(1)) await heart.adopt();
  }

  async send(daemonNumber: number, ops: readonly Operation[]): Promise<void> {
    const heart = this.hearts[daemonNumber]!;
    let batch = ops;
    for (let turn = 0; ; turn += 1) {
      if (turn > 50) throw new Error('the tick says `more` for ever');
      heart.now = this.now;
      const reply = await heart.call(batch, { gapMs: GAP_MS, recoveryMs: 0 });
      if (reply.kind !== 'ok') throw new Error(reply.kind);
      reply.told.forEach((told, i) => this.note(batch[i]!, told));
      for (const [id, told] of Object.entries(heart.told(reply.report.notices)))
        this.note({ id }, told);
      for (const line of reply.report.alarms.split('\n').filter(Boolean))
        this.seen.add(seenIn(line));
      await this.lanes.look(heart, this.seen);
      if (!reply.report.more) return;
      this.seen.add('more');
      batch = [];
    }
  }

  note({ id, kind }: { readonly id: string; readonly kind?: string }, told: Told): void {
    this.seen.add(told.reason === undefined ? told.tag : `${told.tag} ${told.reason}`);
    if (told.sticky !== undefined) this.seen.add(`sticky ${told.sticky}`);
    if (kind === undefined && told.tag === 'moved') this.seen.add('moved after waiting');
    if (kind === undefined && told.tag === 'denied' && this.moving.has(id))
      this.seen.add('move refused at its deadline');
    if (kind === 'move' || this.moving.has(id)) return;
    if (told.tag !== 'granted' && told.tag !== 'denied') return;
    // One that asks in the very tick of its refusal hears it twice.
    const again = this.finals.get(id);
    if (again !== undefined && (again !== 'denied' || told.tag !== 'denied')) {
      throw new Error(`${id} was ${again}, and then ${told.tag}`);
    }
    this.finals.set(id, told.tag);
  }

  acquireOf({ tenant, demand, session, isLane = false, ...more }: Ask): Operation {
    this.number += 1;
    const targets = DEMANDS[demand]!;
    const wish = { ...more, targets, isFresh: this.number % 2 === 0 };
    const named = { digest: `s${session}`, isSticky: targets.length > 0, isLane };
    const id = `${tenant}/${this.number}`;
    return acquire(id, session === undefined ? wish : { ...wish, session: named });
  }

  async leases(daemonNumber: number): Promise<{ id: string; fence: number }[]> {
    const all = await leasesOf(this.hearts[0]!);
    return Object.entries(all)
      .filter(([, lease]) => lease?.daemon === `daemon-${daemonNumber}`)
      .map(([id, lease]) => ({ id, fence: lease!.fence }));
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'ask': {
        const ops = step.asks.map((ask) => this.acquireOf(ask));
        for (const op of ops) this.asked.set(op.id, { op, daemon: step.daemon });
        await this.send(step.daemon, ops);
        return;
      }
      case 'end': {
        const held = await this.leases(step.daemon);
        if (held.length === 0) return;
        const ops = step.which.map((n) => {
          const { id, fence } = held[n % held.length]!;
          return {
            ...release(id, fence, step.outcome),
            ...(step.cost !== undefined && { costMicro: step.cost }),
          };
        });
        await this.send(step.daemon, ops);
        return;
      }
      case 'leave':
      case 'claim': {
        const waiting = await waitersOf(this.hearts[0]!);
        const id = waiting[step.which % Math.max(1, waiting.length)];
        const asked = id === undefined ? undefined : this.asked.get(id);
        if (id === undefined || asked === undefined) return;
        if (step.do === 'leave') await this.send(asked.daemon, [cancel(id)]);
        else await this.send(asked.daemon, [{ ...asked.op, isFresh: false } as Operation]);
        return;
      }
      case 'mend':
        await this.send(step.daemon, [reset(TROUBLED[step.which % TROUBLED.length]!)]);
        return;
      case 'renew':
      case 'move': {
        const held = await this.leases(step.daemon);
        const one = held[step.which % Math.max(1, held.length)];
        if (one === undefined) return;
        const targets = DEMANDS[step.which % DEMANDS.length]!;
        const op =
          step.do === 'move'
            ? move(one.id, one.fence, { targets, outcome: step.outcome, waitMs: step.waitMs })
            : renew(one.id, one.fence);
        if (step.do === 'move') this.moving.add(one.id);
        await this.send(step.daemon, [op]);
        return;
      }
      case 'pass':
        this.now += step.ms;
        return;
      case 'tick':
        await this.send(step.daemon, []);
        return;
      case 'limits':
        this.limits = step.limits;
        await this.configure();
        await this.send(0, []);
    }
  }

  /** What must hold after every step that was a tick. */
  async check(wasTick: boolean): Promise<void> {
    const heart = this.hearts[0]!;
    const { redis, cell } = heart;
    const report = await audit({ redis, cell, keyStyle: 'plain' });
    const lowered = new Set(['above_limit', 'unreaped']);
    // The audit reads the server's clock; by it an account of integer times rests no more.
    const wrong = report.differences.filter(
      ({ where, name }) => !lowered.has(where) && name !== 'b2',
    );
    expect(wrong).toEqual([]);
    for (const [scope, entry] of Object.entries(await ledgerOf(heart))) {
      const stop = scope.startsWith('poor') ? 60 : STOP;
      const { settled = 0, reserved = 0, overrun = 0 } = entry;
      expect(settled + reserved - overrun).toBeLessThanOrEqual(stop);
      expect(reserved).toBeGreaterThanOrEqual(0);
    }
    if (wasTick) await this.checkNoIdleSlot();
  }

  /** A ready flow's demand is one that somebody waits for, is allowed, and listens. */
  async checkNoIdleSlot(): Promise<void> {
    const { redis, keys } = this.hearts[0]!;
    const ready = await redis.zrangebylex(keys.line, '[r', '(s');
    const free = await this.freeTargets();
    for (const entry of ready) {
      const number = Number.parseInt(entry.slice(1, 5), 16);
      const line = (await redis.hget(keys.demands, `#${number}`)) ?? '';
      const [targets = '', tried = ''] = line.split('\f');
      const wanted = targets.match(/[^\t]+\t[^\t]+/g) ?? [];
      const mayServe = wanted.flatMap((target) => [...(free.get(target) ?? [])]);
      expect(mayServe.filter((account) => !tried.split('\t').includes(account))).toEqual([]);
    }
  }

  /** "pool TAB model" → the accounts with room that may serve it, as far as their health goes. */
  async freeTargets(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const { redis, keys, view } = this.hearts[0]!;
    const inFlight = await redis.hgetall(keys.inflight);
    const health = await healthOf(this.hearts[0]!);
    const free = new Map<string, Set<string>>();
    for (const { name, pool, models, maxConcurrency } of view.registry.accounts) {
      if (!TROUBLED.includes(name) || Number(inFlight[name]) >= maxConcurrency) continue;
      for (const model of models) {
        const { number = -1 } =
          view.registry.models.find((entry) => entry.pool === pool && entry.model === model) ?? {};
        const blocked = blockedMs(health[name], number, this.now);
        this.seen.add(blocked === undefined ? 'allowed' : `kept away: ${blocked.why}`);
        const target = `${pool}\t${model}`;
        if (blocked === undefined) free.set(target, new Set([...(free.get(target) ?? []), name]));
      }
    }
    return free;
  }

  /** Everybody ends; nothing may be left. */
  async finish(): Promise<void> {
    for (let turn = 0; turn < 40; turn += 1) {
      this.now += 1000;
      for (const number of [0, 1, 2]) await this.send(number, []);
    }
    const heart = this.hearts[0]!;
    const { redis, keys } = heart;
    expect(await waitersOf(heart)).toEqual([]);
    expect(await leasesOf(heart)).toEqual({});
    expect(await redis.zrange(keys.line, '0', '-1')).toEqual(['_']);
    expect(await redis.hkeys(keys.lanes)).toEqual(['_']);
    expect(
      (await redis.zrange(keys.timers, '0', '-1')).filter((entry) => /^[cdls]/.test(entry)),
    ).toEqual([]);
    expect(Object.values(await redis.hgetall(keys.inflight)).every((count) => count === '0')).toBe(
      true,
    );
    for (const { reserved } of Object.values(await ledgerOf(heart))) expect(reserved).toBe(0);
    expect(await redis.hget(keys.cell, 'waiting')).not.toBe('1');
    await this.check(true);
  }
}

/** An alarm in a word: a budget's warning, or what a breaker has become. */
function seenIn(alarm: string): string {
  const [kind = '', , , state = ''] = alarm.split('\t');
  return kind === 'breaker' ? `breaker ${state}` : 'warned';
}
