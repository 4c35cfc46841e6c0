// @module-tag redis_required
// A move that finds nothing free: the request waits without an account, keeps all else that it has,
// and gets the next account that it may have.
import { describe, expect, it } from 'vitest';
import type { AdmissionPolicy } from '../../src/scheduler/admission.ts';
import { readTenantFlow } from '../../src/redis/state-records.ts';
import { counterOf, dumpOf, inFlightOf, leasesOf, ledgerOf } from '../support/cell-state.ts';
import { GPT4, aHeart, acquire, anAccount, check, release } from '../support/heart.ts';
import { aBreakable, stateOf } from '../support/health.ts';
import { expectNobodyWaits, expectSound, patient } from '../support/moving.ts';
import { laned } from '../support/laned.ts';
import { move } from '../support/failover.ts';
import { useRedis } from '../support/redis.ts';

const store = useRedis();
const O3 = { pool: 'openai', model: 'o3' };
const TWO = [anAccount({ name: 'a1' }), anAccount({ name: 'a2' })];
const THREE = [...TWO, anAccount({ name: 'a3' })];

const BUDGETED: AdmissionPolicy = {
  timeZone: 'UTC',
  budget: { warnMicro: 900, stopMicro: 1000, period: 'none' },
  tenants: [
    { name: 't', weight: 1, maxConcurrency: 1, requestsPerMinute: 60, tokensPerMinute: 6000 },
    { name: 'r', weight: 1, reservedSlots: { openai: 2 } },
  ],
};

/** x is on a1, y on a2, and x waits for another account. */
async function aWaitingMove(accounts = TWO, admission?: AdmissionPolicy) {
  const heart = await aHeart(store, accounts, admission && { admission });
  const x = await heart.take('t/x', { reserveMicro: 300, tokens: 7 });
  const y = await heart.take('u/y');
  const told = await heart.ask(patient('t/x', x));
  return { heart, x, y, told };
}

describe('a move that waits', () => {
  it('gives its account back at once, and holds its lease without one', async () => {
    const { heart, x, told } = await aWaitingMove();

    const lease = (await leasesOf(heart))['t/x'];

    expect(told).toEqual({ tag: 'queued', position: 1, arrivedAt: 0, estimatedWaitMs: 0 });
    expect(lease).toMatchObject({ account: '-', fence: x, attempt: 1, state: 3 });
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 1 });
    expect(await counterOf(heart)).toBe('1');
    expect(await heart.ask(check('t/x'))).toMatchObject({ tag: 'leased', fence: x });
    await expectSound(heart);
  });

  it('goes on with the next account that is free, under a new fence', async () => {
    const { heart, x, y } = await aWaitingMove();
    heart.now = 50;

    const news = await heart.news(release('u/y', y));

    expect(news['t/x']).toMatchObject({ tag: 'moved', account: 'a2', expiresAt: 150 });
    expect(news['t/x']!.fence).toBeGreaterThan(x);
    expect((await leasesOf(heart))['t/x']).toMatchObject({ account: 'a2', attempt: 2, state: 1 });
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 1 });
    await expectNobodyWaits(heart);
    expect(await heart.ask(release('t/x', news['t/x']!.fence!))).toEqual({ tag: 'released' });
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 0 });
  });

  it('never gets an account that it has tried, which serves others meanwhile', async () => {
    const heart = await aHeart(store, THREE);
    const x = await heart.take('t/x');
    const [y, z] = [await heart.take('u/y'), await heart.take('u/z')];
    await heart.ask(patient('t/x', x, { exclude: ['a2', 'unknown', 'a2'] }));

    const news = await heart.news(release('u/y', y));
    const others = await heart.send(acquire('u/1'), acquire('u/2'));
    const last = await heart.news(release('u/z', z));

    expect(news).toEqual({});
    expect(others.map(({ account }) => account).sort()).toEqual(['a1', 'a2']);
    expect(last['t/x']).toMatchObject({ tag: 'moved', account: 'a3' });
    await expectNobodyWaits(heart);
  });

  it('tells the outcome of the account that it leaves, before it waits', async () => {
    const pool = [aBreakable({ slots: 1 }, { consecutiveFailures: 1 }), anAccount({ name: 'a2' })];
    const heart = await aHeart(store, pool);
    const x = await heart.take('t/x');
    await heart.take('u/y');
    const failed = { ...patient('t/x', x), countsForBreaker: true } as never;

    const told = await heart.ask(failed);

    expect(told.tag).toBe('queued');
    expect(await stateOf(heart)).toBe('open');
  });

  it('charges nothing again that is charged once a request', async () => {
    const { heart, y } = await aWaitingMove(TWO, BUDGETED);
    const held = await ledgerOf(heart);
    const terms = await heart.redis.hgetBuffer(heart.keys.tenantState, 't');

    const news = await heart.news(release('u/y', y));
    const full = await heart.ask(acquire('t/2'));
    const charged = await heart.redis.hgetBuffer(heart.keys.tenantState, 't');
    await heart.send({ ...release('t/x', news['t/x']!.fence!), costMicro: 120 } as never);

    expect(held['*\t0']).toMatchObject({ reserved: 300, requests: 2 });
    expect(charged).toEqual(terms);
    expect(full).toMatchObject({ tag: 'denied', reason: 'tenant_concurrency' });
    expect((await ledgerOf(heart))['*\t0']).toMatchObject({ settled: 120, reserved: 0 });
    expect((await ledgerOf(heart))['*\t0']).toMatchObject({ requests: 2 });
    await expectNobodyWaits(heart);
  });

  it('is served while its tenant holds all that it may, and others of it wait', async () => {
    const { heart, y } = await aWaitingMove(TWO, BUDGETED);
    await heart.ask(acquire('t/2', { waitMs: 1000 }));

    const news = await heart.news(release('u/y', y));

    expect(news).toMatchObject({ 't/x': { tag: 'moved', account: 'a2' } });
    expect(Object.keys(news)).toEqual(['t/x']);
    await expectSound(heart);
  });

  it('charges the rate of the account that it gets', async () => {
    const limited = { ...anAccount({ name: 'a2' }), rates: { requestsPerMinute: 2 } };
    const { heart, y } = await aWaitingMove([anAccount({ name: 'a1' }), limited]);

    const news = await heart.news(release('u/y', y));
    await heart.ask(release('t/x', news['t/x']!.fence!));
    const told = await heart.send(acquire('u/1'), acquire('u/2'));

    expect(told.map(({ tag }) => tag)).toEqual(['granted', 'denied']);
  });

  it('keeps its lane: the next one of its session waits on, until the request ends', async () => {
    const heart = await aHeart(store, TWO);
    const x = (await heart.ask(laned('t/x'))).fence!;
    const y = await heart.take('u/y');
    await heart.ask(laned('t/2'));

    const queued = await heart.ask(patient('t/x', x));
    const beside = await heart.news();
    const news = await heart.news(release('u/y', y));
    const after = await heart.news(release('t/x', news['t/x']!.fence!));

    expect(queued.tag).toBe('queued');
    expect(beside).toEqual({});
    expect(Object.keys(news)).toEqual(['t/x']);
    expect(after).toMatchObject({ 't/2': { tag: 'granted' } });
    await expectNobodyWaits(heart);
  });

  it('is counted among the slots of its tenant at the pool while it has one', async () => {
    const heart = await aHeart(store, TWO, { admission: BUDGETED });
    const x = await heart.take('r/x');
    const y = await heart.take('u/y');
    const counted = async () => {
      const flow = await heart.redis.hgetBuffer(heart.keys.flows, 'openai\tr');
      return readTenantFlow(flow).inFlight;
    };
    const held = await counted();

    await heart.ask(patient('r/x', x));
    const without = await counted();
    await heart.ask(release('u/y', y));

    expect([held, without, await counted()]).toEqual([1, 0, 1]);
  });

  it('is denied to an acquire of the same id, which changes nothing', async () => {
    const { heart } = await aWaitingMove();
    const before = await dumpOf(heart);

    const told = await heart.ask(acquire('t/x'));

    expect(told).toMatchObject({ tag: 'denied', reason: 'pool_full' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('goes to another target as well, in their order', async () => {
    const heart = await aHeart(store, [...TWO, anAccount({ name: 'b1', models: ['o3'] })]);
    const x = await heart.take('t/x');
    const fences = [await heart.take('u/y'), await heart.take('u/z', { targets: [O3] })];
    await heart.ask(patient('t/x', x, { targets: [GPT4, O3] }));

    const news = await heart.news(release('u/z', fences[1]!), release('u/y', fences[0]!));

    expect(news['t/x']).toMatchObject({ account: 'a2', targetIndex: 0, target: 'openai:gpt-4' });
  });
});

describe('a move does not wait', () => {
  it.each([
    ['for an account that is not there', TWO, ['a2']],
    ['for one that is not in use', [TWO[0]!, anAccount({ name: 'a2', enabled: false })], []],
    ['for one that serves another model', [TWO[0]!, anAccount({ name: 'a2', models: ['o3'] })], []],
  ] as const)('%s: it is denied and changes nothing', async (_, accounts, exclude) => {
    const heart = await aHeart(store, accounts);
    const x = await heart.take('t/x');
    const before = await dumpOf(heart);

    const told = await heart.ask(patient('t/x', x, { exclude }));

    expect(told).toMatchObject({ tag: 'denied', reason: 'no_account_for_model' });
    expect(await dumpOf(heart)).toEqual(before);
  });

  it('for a breaker that reopens too late, but for one that does in time', async () => {
    const pool = [anAccount({ name: 'a1' }), aBreakable({ name: 'a2', slots: 1 })];
    const heart = await aHeart(store, pool);
    const x = await heart.take('t/x');
    const y = await heart.take('u/y');
    await heart.send({
      ...release('u/y', y, 'rate_limited'),
      retryAfterMs: 500,
    } as never);

    const late = await heart.ask(move('t/x', x, { waitMs: 499 }));
    const inTime = await heart.ask(move('t/x', x, { waitMs: 600, leaseMs: 9000 }));
    heart.now = 500;
    const news = await heart.news();

    expect(late).toEqual({ tag: 'denied', reason: 'account_rate', retryAfterMs: 500 });
    expect(inTime.tag).toBe('queued');
    expect(news['t/x']).toMatchObject({ tag: 'moved', account: 'a2' });
  });

  it('where as many wait as may: denied, and held as before', async () => {
    const heart = await aHeart(store, TWO);
    heart.settings = { maxWaiting: 1 };
    const x = await heart.take('t/x');
    const y = await heart.take('u/y');
    await heart.ask(acquire('u/w', { waitMs: 1000 }));
    const before = await dumpOf(heart);

    const told = await heart.ask(patient('t/x', x));

    expect(told).toMatchObject({ tag: 'denied', reason: 'queue_full' });
    expect(await dumpOf(heart)).toEqual(before);
    expect(await heart.news(release('u/y', y))).toMatchObject({ 'u/w': { account: 'a2' } });
  });

  it('in more than 64 lines at once, which crowd out no demand', async () => {
    const names = Array.from({ length: 66 }, (_, i) => `a${i}`);
    const heart = await aHeart(
      store,
      names.map((name) => aBreakable({ name, slots: 1 })),
    );
    const fences: number[] = [];
    for (const name of names) fences.push(await heart.take(`t/${name}`, { leaseMs: 9000 }));
    // What is given back cools down: nobody else gets it.
    const cooling = { outcome: 'rate_limited', retryAfterMs: 9000 } as const;
    const reasons: (string | undefined)[] = [];
    for (const [i, name] of names.slice(0, 65).entries()) {
      reasons.push((await heart.ask(patient(`t/${name}`, fences[i]!, cooling))).reason);
    }

    const other = await heart.ask(acquire('u/w', { targets: [O3, GPT4], waitMs: 1000 }));
    heart.now = 1000;
    await heart.send();
    const later = await heart.ask(patient('t/a64', fences[64]!, cooling));

    expect(reasons.filter((reason) => reason !== undefined)).toEqual(['queue_full']);
    expect(reasons.at(-1)).toBe('queue_full');
    expect(other.tag).toBe('queued');
    expect(later.tag).toBe('queued');
  });

  it('without memory in the store, which is a mistake; one that waits already waits on', async () => {
    const heart = await aHeart(store, THREE);
    const [x, y] = [await heart.take('t/x'), await heart.take('u/y')];
    await heart.take('u/z');
    await heart.ask(patient('t/x', x, { exclude: ['a2'] }));

    const reply = await heart.call(
      [patient('t/x', x, { exclude: ['a2'] }), patient('u/y', y, { exclude: ['a1'] })],
      { entry: 'tick_oom' },
    );

    expect(reply).toMatchObject({
      told: [{ tag: 'queued' }, { tag: 'error', mistake: 'out_of_memory' }],
    });
    expect(await inFlightOf(heart)).toEqual({ a1: 0, a2: 1, a3: 1 });
  });
});
