// @module-tag redis_required
// What the outbox promises whatever dies or is full: nothing told is lost, and what is given up is
// counted.
import { describe, expect, it } from 'vitest';
import type { Levels } from '../../../src/alerts/keeper.ts';
import { cellKeys } from '../../../src/redis/keys.ts';
import { aListener } from '../../support/alertmanager.ts';
import { eventually } from '../../support/eventually.ts';
import { anAlert, anOutbox, heard, NO_LEVELS } from '../../support/outboxes.ts';
import { useRedis } from '../../support/redis.ts';

const server = useRedis();
const fires = (account: string, severity: 'P1' | 'P2' | 'P3' = 'P2') =>
  ({ kind: 'condition', alert: anAlert(account, severity), holds: true }) as const;
const NOWHERE = { webhooks: [{ name: 'ops', url: 'http://127.0.0.1:1/' }] };

describe('an alert', () => {
  it('of a condition that no daemon lived to tell of is found by looking', async () => {
    const people = await aListener();
    let levels: Levels = { covers: ['SlotkeeperAccountUnusable'], holding: [anAlert('a1')] };
    const outbox = await anOutbox(server, {
      config: { webhooks: [{ name: 'ops', url: people.url }], refreshMs: 100 },
      levels: () => Promise.resolve(levels),
    });

    await eventually(() => expect(people.calls).toHaveLength(1));
    levels = { ...levels, holding: [] };

    await eventually(async () => {
      expect(people.calls.map(({ body }) => body['state'])).toEqual(['firing', 'resolved']);
      expect((await outbox.view()).alerts[0]?.state).toBe('resolved');
    });
  });

  it('of an incident ends by itself, and lasts longer each time that it happens again', async () => {
    let nowMs = 1000;
    const outbox = await anOutbox(server, {
      config: { ...NOWHERE, incidentMs: 1000, refreshMs: 100 },
      clock: () => nowMs,
    });
    const alert = { kind: 'incident', alert: anAlert('a1') } as const;
    const stateAt = async (atMs: number): Promise<string | undefined> => {
      nowMs = atMs;
      await outbox.keep();
      return (await outbox.view()).alerts[0]?.state;
    };

    outbox.tell(alert);
    await outbox.told();
    nowMs = 1900;
    outbox.tell(alert);
    await outbox.told();

    expect(await stateAt(2500)).toBe('firing');
    expect(await stateAt(2899)).toBe('firing');
    expect(await stateAt(3000)).toBe('resolved');
  });

  it('that the queue does not hold any more is put there again', async () => {
    const people = await aListener();
    const cell = server.cell();
    const config = { webhooks: [{ name: 'ops', url: people.url }] };
    const dying = await anOutbox(server, { cell, config: { ...NOWHERE, retryMinMs: 40 } });
    const failed = heard(dying, 'sendFailed');
    dying.tell(fires('a1'));
    await failed;
    await dying.stop();
    const { queue } = cellKeys(cell, 'tagged');
    await server.redis.del(await server.redis.keys(`${queue}:*`));
    const outbox = await anOutbox(server, { cell, config });
    const sent = heard(outbox, 'sent');

    await outbox.keep();
    await sent;

    expect(people.calls).toHaveLength(1);
  });

  it('is looked after by one daemon of a fleet an interval', async () => {
    const cell = server.cell();
    let looks = 0;
    const levels = () => {
      looks += 1;
      return Promise.resolve(NO_LEVELS);
    };
    const fleet = await Promise.all(
      Array.from({ length: 5 }, () => anOutbox(server, { cell, config: NOWHERE, levels })),
    );

    await Promise.all(fleet.map((outbox) => outbox.keep()));

    expect(looks).toBe(1);
  });
});

describe('what is given up', () => {
  it('is what was tried for too long; it is kept, and tried again when asked', async () => {
    const people = await aListener();
    people.answer(500);
    const outbox = await anOutbox(server, {
      config: { webhooks: [{ name: 'ops', url: people.url }], retryForMs: 1000 },
    });
    const givenUp = heard(outbox, 'givenUp');
    outbox.tell(fires('a1'));
    await givenUp;
    const given = await eventually(async () => {
      const [delivery] = (await outbox.view()).deliveries;
      expect(delivery?.state).toBe('given_up');
      return delivery;
    });
    const depth = await outbox.depth();
    people.answer(200);
    const sent = heard(outbox, 'sent');

    await outbox.retry(given?.id ?? '');
    await sent;

    expect(depth).toBe(0);
    await eventually(async () => expect((await outbox.view()).deliveries).toEqual([]));
  });

  it('is the less urgent, then the older one, where the queue is full', async () => {
    const outbox = await anOutbox(server, {
      config: { ...NOWHERE, maxQueued: 10, retryMinMs: 600_000, retryMaxMs: 600_000 },
    });
    const lost: string[] = [];
    outbox.events.on('givenUp', ({ severity, reason }) => lost.push(`${severity} ${reason}`));

    for (let i = 0; i < 6; i += 1) outbox.tell(fires(`urgent-${i}`, 'P1'));
    for (let i = 0; i < 6; i += 1) outbox.tell(fires(`small-${i}`, 'P3'));
    await outbox.told();

    // One that is being sent at that moment is not taken out.
    expect(new Set(lost)).toEqual(new Set(['P3 queue_full']));
    expect(await outbox.depth()).toBeLessThanOrEqual(10);
  });

  it('is what an operator drops; what was told to a destination that is gone', async () => {
    const cell = server.cell();
    const first = await anOutbox(server, { cell, config: { ...NOWHERE, retryMinMs: 40 } });
    const dropped = heard(first, 'givenUp');
    first.tell(fires('a1'));
    first.tell(fires('a2'));
    const [delivery] = await eventually(async () => {
      const { deliveries } = await first.view();
      expect(deliveries.map(({ state }) => state)).toEqual(['retrying', 'retrying']);
      return deliveries;
    });
    await eventually(() => first.drop(delivery?.id ?? ''));
    await dropped;
    await first.stop();
    const people = await aListener();

    const second = await anOutbox(server, {
      cell,
      config: { webhooks: [{ name: 'others', url: people.url }] },
    });

    await eventually(async () => expect(await second.depth()).toBe(0));
    await expect(second.drop('nobody')).rejects.toMatchObject({ code: 'alert_not_found' });
  });
});
