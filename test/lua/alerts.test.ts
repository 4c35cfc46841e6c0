// @module-tag redis_required
// The register of alerts: one episode however many tell it, ends that come too late, room, and who
// has been told.
import { describe, expect, it } from 'vitest';
import { Register } from '../../src/alerts/register.ts';
import { cellKeys } from '../../src/redis/keys.ts';
import { anAlert } from '../support/outboxes.ts';
import { useRedis } from '../support/redis.ts';

const server = useRedis();

function aRegister({ maxAlerts = 100 } = {}) {
  const cell = server.cell();
  const time = { ms: 1000 };
  const options = { redis: server.redis, cell, keyStyle: 'tagged', maxAlerts } as const;
  const register = new Register({ ...options, clock: () => time.ms });
  return { register, time, key: cellKeys(cell, 'tagged').alerts };
}

describe('the register of alerts', () => {
  it('opens one episode of what is told many times, and another one after its end', async () => {
    const { register, time } = aRegister();

    const first = await register.raise('f1', anAlert('a1'));
    const again = await register.raise('f1', anAlert('a1'));
    time.ms = 2000;
    const end = await register.resolve('f1');
    const second = await register.raise('f1', anAlert('a1'));

    expect(first).toEqual({ kind: 'raised', episode: 1, nowMs: 1000 });
    expect(again).toEqual({ kind: 'known' });
    expect(end).toEqual({ kind: 'resolved', episode: 1, endedMs: 2000 });
    expect(second).toEqual({ kind: 'raised', episode: 2, nowMs: 2000 });
  });

  it('has one winner of many that tell the same at once', async () => {
    const { register } = aRegister();

    const all = await Promise.all(
      Array.from({ length: 50 }, () => register.raise('f1', anAlert('a1'))),
    );

    expect(all.filter(({ kind }) => kind === 'raised')).toHaveLength(1);
  });

  it('does not end what began after the look that found it missing', async () => {
    const { register, time } = aRegister();
    time.ms = 1500;
    await register.raise('f1', anAlert('a1'));

    const end = await register.resolve('f1', 1500);
    const later = await register.resolve('f1', 1501);

    expect(end.kind).toBe('nothing');
    expect(later.kind).toBe('resolved');
  });

  it('keeps who has been told of this episode, and nothing of an earlier one', async () => {
    const { register } = aRegister();
    await register.raise('f1', anAlert('a1'));
    await register.settle({ fingerprint: 'f1', episode: 1 }, 'webhook-a', {
      state: 'firing',
      result: 'sent',
    });
    await register.settle({ fingerprint: 'f1', episode: 0 }, 'webhook-b', {
      state: 'firing',
      result: 'sent',
    });

    const record = await register.find('f1');

    const told = { state: 'firing', result: 'sent', atMs: 1000 };
    expect([...(record?.told ?? [])]).toEqual([['webhook-a', told]]);
    expect(record?.alert).toEqual(anAlert('a1'));
  });

  it('takes no more than it may hold, and lets nobody be forgotten who fires anew', async () => {
    const { register } = aRegister({ maxAlerts: 1 });
    await register.claim(0);
    await register.raise('f1', anAlert('a1'));

    const full = await register.raise('f2', anAlert('a2'));
    await register.forget({ fingerprint: 'f1', episode: 7 });
    const still = await register.find('f1');
    await register.forget({ fingerprint: 'f1', episode: 1 });

    expect(full).toEqual({ kind: 'full' });
    expect(still?.state).toBe('firing');
    expect((await register.raise('f2', anAlert('a2'))).kind).toBe('raised');
  });

  it('lets one caller an interval look through it, and survives a clock set back', async () => {
    const { register, time } = aRegister();

    const first = await register.claim(500);
    time.ms = 1499;
    const early = await register.claim(500);
    time.ms = 1500;
    const due = await register.claim(500);
    time.ms = 900;
    const setBack = await register.claim(500);

    expect([first, early, due, setBack]).toEqual([true, false, true, true]);
  });

  it('passes over a record that cannot be read, and begins it anew', async () => {
    const { register, key } = aRegister();
    await server.redis.hset(key, 'f1', 'no JSON');

    const listed = await register.all();
    const raised = await register.raise('f1', anAlert('a1'));

    expect(listed).toEqual([]);
    expect(raised.kind).toBe('raised');
  });
});
