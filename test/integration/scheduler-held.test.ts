// @module-tag redis_required
// What a process holds: its leases leave in any order, by themselves or by their names, and the
// rest is renewed; their ids are made here.
import { describe, expect, it } from 'vitest';
import { anAccount } from '../support/heart.ts';
import { useRedis } from '../support/redis.ts';
import { TARGETS, aLoneScheduler, aScheduler, untilTick } from '../support/schedulers.ts';

const store = useRedis();

async function aHolder(leases: number) {
  const wish = { redis: store.redis, cell: store.cell(), leaseMs: 300 };
  const scheduler = await aScheduler(wish, [anAccount({ slots: 1000 })]);
  const wanted = Array.from({ length: leases }, () => scheduler.acquire({ targets: TARGETS }));
  return { scheduler, leases: await Promise.all(wanted) };
}

describe('held leases', () => {
  it('are renewed, whichever others were given back', async () => {
    const { scheduler, leases } = await aHolder(30);
    const ends = leases.map(({ expiresAtMs }) => expiresAtMs);
    const kept = leases.filter((_, i) => i % 3 === 1);

    const gone = leases.filter((lease) => !kept.includes(lease));
    await Promise.all(gone.map((lease) => lease.release()));
    await untilTick(scheduler, () => kept.every((lease) => lease.expiresAtMs > ends[1]! + 300));

    expect(scheduler.held()).toBe(10);
    expect(kept.some(({ signal }) => signal.aborted)).toBe(false);
    expect(gone.map(({ expiresAtMs }) => expiresAtMs)).toEqual(ends.filter((_, i) => i % 3 !== 1));
  });

  it('leave nothing behind when all have left, in another order than they came', async () => {
    const { scheduler, leases } = await aHolder(30);

    await Promise.all(leases.filter((_, i) => i % 3 === 0).map((lease) => lease.release()));
    await Promise.all(leases.map((lease) => lease.release()));

    expect(scheduler.held()).toBe(0);
  });

  it.each(['release', 'cancel'] as const)('are held no more after a %s by name', async (verb) => {
    const { scheduler, leases } = await aHolder(3);

    const result = await scheduler[verb](leases[0]!);

    expect(result).toBe(verb === 'release' ? 'released' : 'was_granted');
    expect(scheduler.held()).toBe(2);
  });

  it('that the store took back are held no more, and the others stay', async () => {
    const cell = store.cell();
    const wish = { redis: store.redis, cell, leaseMs: 300 };
    const accounts = [anAccount({ slots: 1000 })];
    const [scheduler, other] = [await aScheduler(wish, accounts), await aScheduler(wish, accounts)];
    const first = await scheduler.acquire({ targets: TARGETS });
    const second = await scheduler.acquire({ targets: TARGETS });

    await other.cancel(first);
    await untilTick(scheduler, () => first.signal.aborted);

    expect(scheduler.held()).toBe(1);
    expect(second.signal.aborted).toBe(false);
  });
});

describe('ids that are made here', () => {
  it('are never the same twice, whoever makes them', async () => {
    const [one, two] = [await aHolder(200), await aHolder(200)];

    const ids = [...one.leases, ...two.leases].map(({ requestId }) => requestId);

    expect(new Set(ids).size).toBe(400);
    expect(ids.every((id) => /^[\w-]{11,}$/.test(id))).toBe(true);
  });
});

describe('targets', () => {
  it('that only read like known ones are refused', async () => {
    const { scheduler } = await aLoneScheduler(store);
    const twice = [...TARGETS, ...TARGETS];
    const lease = await scheduler.acquire({ targets: twice });
    const forged = { pool: 'openai', model: 'gpt-4\topenai\tgpt-4' };

    const refusal = scheduler.acquire({ targets: [forged] });

    await expect(refusal).rejects.toMatchObject({ code: 'invalid_params' });
    expect(lease.target).toEqual(TARGETS[0]);
  });
});
