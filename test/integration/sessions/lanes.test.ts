// @module-tag redis_required
// Lanes as the library and the Scheduler API have them: one at a time in a session, in the order of
// arrival, over several daemons; sessions beside one another.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { AppError } from '../../../src/core/errors.ts';
import { audit } from '../../../src/scheduler/inspect.ts';
import type { Scheduler } from '../../../src/scheduler/scheduler.ts';
import { anAccount } from '../../support/heart.ts';
import { expectNothingLeft } from '../../support/queue-state.ts';
import { useRedis } from '../../support/redis.ts';
import { caller, startSchedulerApi } from '../../support/scheduler-api.ts';
import { TARGETS, aScheduler } from '../../support/schedulers.ts';

const store = useRedis();

/** Three daemons, each with a connection of its own, on one cell with one account of 20 slots. */
async function threeDaemons() {
  const cell = store.cell();
  const daemons = await Promise.all(
    [1, 2, 3].map(async (n) => {
      return await aScheduler({ redis: await store.connect(`d${n}`), cell }, [
        anAccount({ slots: 20 }),
      ]);
    }),
  );
  return { daemons, cell, redis: store.redis };
}

/** Reads, lets others run, and writes: two at once lose one of their additions. */
class Ledger {
  value = 0;
  readonly fences: number[] = [];

  async add(fence: number): Promise<void> {
    const seen = this.value;
    this.fences.push(fence);
    await turn();
    await turn();
    this.value = seen + 1;
  }
}

const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

describe('a session’s lane', () => {
  it.each([
    [2, 4],
    [4, 3],
  ])(
    'loses nothing of %i callers with %i writes each, from three daemons',
    async (callers, writes) => {
      const { daemons, cell, redis } = await threeDaemons();
      const ledger = new Ledger();
      const work = async (daemon: Scheduler): Promise<void> => {
        for (let n = 0; n < writes; n += 1) {
          await daemon.withLane('s', ({ fence }) => ledger.add(fence));
        }
      };

      await Promise.all(
        daemons.flatMap((daemon) => Array.from({ length: callers }, () => work(daemon))),
      );

      expect(ledger.value).toBe(3 * callers * writes);
      expect(ledger.fences).toEqual(ascending(ledger.fences));
      await expectNothingLeft({ redis, cell });
    },
  );

  it('loses nothing of requests that take a slot as well', async () => {
    const { daemons, cell, redis } = await threeDaemons();
    const ledger = new Ledger();
    const request = { targets: TARGETS, session: 's', lane: true, waitMs: 20_000 };

    await Promise.all(
      [...daemons, ...daemons, ...daemons, ...daemons].map((daemon) =>
        daemon.withSlot(request, ({ fence }) => ledger.add(fence)),
      ),
    );

    expect(ledger.value).toBe(12);
    expect(ledger.fences).toEqual(ascending(ledger.fences));
    await expectNothingLeft({ redis, cell });
  });

  it('lets other sessions run beside it: three of them meet', async () => {
    const { daemons } = await threeDaemons();
    let inside = 0;
    let allMet = (): void => undefined;
    const barrier = new Promise<void>((resolve) => (allMet = resolve));

    await Promise.all(
      daemons.map((daemon, n) =>
        daemon.withLane(`s${n}`, async () => {
          inside += 1;
          if (inside === 3) allMet();
          await barrier;
        }),
      ),
    );

    expect(inside).toBe(3);
  });

  it('gives back the lane and passes the error on when the work throws', async () => {
    const { daemons, cell, redis } = await threeDaemons();

    const failing = daemons[0]!.withLane('s', () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    const value = await daemons[1]!.withLane('s', () => Promise.resolve(7));

    expect(value).toBe(7);
    await expectNothingLeft({ redis, cell });
  });

  it('is left by who gives up waiting, and by who may not wait longer', async () => {
    const { daemons, cell, redis } = await threeDaemons();
    const leaving = new AbortController();
    const ends: string[] = [];
    const note = (error: AppError): void => void ends.push(error.code);

    await daemons[0]!.withLane('s', async () => {
      const left = daemons[1]!.withLane('s', turn, { signal: leaving.signal }).catch(note);
      const late = daemons[2]!.withLane('s', turn, { waitMs: 50 }).catch(note);
      const never = daemons[2]!.withLane('s', turn, { waitMs: 0 }).catch(note);
      await late;
      leaving.abort();
      await Promise.all([left, never]);
    });
    await daemons[1]!.withLane('s', turn);

    expect(ends.sort()).toEqual(['client_closed', 'lane_busy', 'queue_timeout']);
    await expectNothingLeft({ redis, cell });
  });

  it('is needed with a session', async () => {
    const { daemons } = await threeDaemons();

    const asked = (): Promise<unknown> => daemons[0]!.acquire({ targets: TARGETS, lane: true });

    await expect(async () => await asked()).rejects.toMatchObject({
      code: 'invalid_params',
      param: 'session',
    });
  });

  it('with two holders is named by the audit', async () => {
    const { daemons, cell, redis } = await threeDaemons();
    const hold = { session: 's', lane: true, targets: TARGETS } as const;
    await daemons[0]!.acquire({ ...hold, requestId: 'one' });
    const key = `slotkeeper:{${cell}}:`;
    const record = await redis.hgetBuffer(`${key}requests`, 'default/one');
    await redis.hset(`${key}requests`, 'default/two', record!);

    const { differences } = await audit({ redis, cell, keyStyle: 'plain' });

    expect(differences).toContainEqual(
      expect.objectContaining({ where: 'lane', expected: 1, found: 2 }),
    );
  });
});

describe('lanes in the Scheduler API', () => {
  it('are held, renewed and given back by id and fence', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);

    const held = await call('POST', '/scheduler/lanes', { session: 's', requestId: 'one' });
    const again = await call('POST', '/scheduler/lanes', { session: 's', requestId: 'one' });
    const busy = await call('POST', '/scheduler/lanes', { session: 's' });
    const next = call('POST', '/scheduler/lanes', {
      session: 's',
      requestId: 'two',
      waitMs: 20_000,
    });
    const { fence } = held.body as { fence: number };
    const renewed = await call('POST', '/scheduler/lanes/one/renew', { fence });
    const released = await call('DELETE', `/scheduler/lanes/one?fence=${fence}`);
    const { status, body } = await next;

    expect(held).toMatchObject({
      status: 201,
      body: { requestId: 'one', leaseMs: 30_000, replayed: false },
    });
    expect(again).toMatchObject({ status: 200, body: { fence, replayed: true } });
    expect(busy).toMatchObject({ status: 429, body: { error: { code: 'lane_busy' } } });
    expect([renewed.status, released.body]).toEqual([200, { result: 'released' }]);
    expect(status).toBe(201);
    expect(body['fence']).toBeGreaterThan(fence);
    expect(await api.inFlight()).toBe(0);
  });

  it('order slots of one session, too', async () => {
    const api = await startSchedulerApi(store);
    const call = caller(api.url);
    const slot = { route: 'deep', session: 's', lane: true };

    const first = await call('POST', '/scheduler/slots', slot);
    const second = await call('POST', '/scheduler/slots', slot);
    const other = await call('POST', '/scheduler/slots', { ...slot, session: 's2' });

    expect([first.status, second.status, other.status]).toEqual([201, 429, 201]);
  });

  it.each([
    ['/scheduler/slots', { route: 'deep', lane: true }],
    ['/scheduler/lanes', {}],
    ['/scheduler/lanes', { session: '' }],
    ['/scheduler/lanes', { session: 's', targets: [] }],
  ])('refuse a malformed wish to %s (%j)', async (path, body) => {
    const api = await startSchedulerApi(store);

    const answer = await caller(api.url)('POST', path, body);

    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_params' } } });
  });
});
