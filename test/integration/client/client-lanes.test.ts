// @module-tag redis_required
// Lanes by the TypeScript client, against a real daemon: one at a time over all clients.
import { describe, expect, expectTypeOf, it } from 'vitest';
import { SlotkeeperApiError, SlotkeeperClient } from '../../../src/client/index.ts';
import type { LaneHold } from '../../../src/client/index.ts';
import type { LaneHoldBody } from '../../../src/http/routes/scheduler-schemas.ts';
import { eventually } from '../../support/eventually.ts';
import { startLive } from '../../support/live-daemon.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();

async function twoClients() {
  const one = await startLive(store);
  const other = await startLive(store, { cell: one.cell });
  const clients = [one, other].map(({ url }) => new SlotkeeperClient({ baseUrl: url }));
  return { daemon: one, first: clients[0]!, second: clients[1]! };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SlotkeeperApiError);
  return (error as SlotkeeperApiError).code;
}

/** Ends when it is told to. */
function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe('the client’s withLane', () => {
  it('runs the work of a session one at a time over all daemons, and rising fences', async () => {
    const { first, second } = await twoClients();
    let inside = 0;
    const [most, fences] = [[] as number[], [] as number[]];
    const work = async ({ fence }: LaneHold): Promise<void> => {
      inside += 1;
      most.push(inside);
      fences.push(fence);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };

    await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? first : second).withLane('s', work)),
    );

    expect(Math.max(...most)).toBe(1);
    expect(fences).toHaveLength(20);
    expect(fences).toEqual([...fences].sort((a, b) => a - b));
  });

  it('gives the lane back when the work throws, and leaves other sessions alone', async () => {
    const { first, second } = await twoClients();
    const [begun, end] = [gate(), gate()];
    const running = first.withLane('s', async () => {
      begun.open();
      await end.opened;
      throw new Error('broken');
    });
    await begun.opened;
    const busy = await codeOf(second.withLane('s', () => 'never', { waitMs: 0 }));
    const beside = await second.withLane('another', () => 'done');

    end.open();

    await expect(running).rejects.toThrow('broken');
    expect([busy, beside]).toEqual(['lane_busy', 'done']);
    expect(await second.withLane('s', () => 'mine', { waitMs: 0 })).toBe('mine');
  });

  it('keeps the lane beyond the life of one lease, and hears when it is lost', async () => {
    const { daemon, first } = await twoClients();
    const renewals: string[] = [];

    const told = await first.withLane(
      's',
      async ({ requestId }, signal) => {
        const key = `slotkeeper:{${daemon.cell}}:requests`;
        const expiresAt = async () => await store.redis.hget(key, `default/${requestId}`);
        const before = await expiresAt();
        await eventually(async () => {
          expect(await expiresAt()).not.toBe(before);
          renewals.push(requestId);
        });
        await daemon.call('DELETE', `/scheduler/lanes/${requestId}`);
        await eventually(() => expect(signal.aborted).toBe(true));
        return signal.reason as unknown;
      },
      { leaseMs: 300 },
    );

    expect(renewals).toHaveLength(1);
    expect(told).toMatchObject({ code: 'lease_lost' });
  });

  it('takes no slot, and gives up a wait whose signal fires', async () => {
    const { daemon, first, second } = await twoClients();
    const held = await first.acquireLane('s');
    const leaving = new AbortController();
    const waiting = second.withLane('s', () => 'never', { signal: leaving.signal });
    const waiters = `slotkeeper:{${daemon.cell}}:waiters`;
    await eventually(async () => expect(await store.redis.hlen(waiters)).toBe(2));

    leaving.abort(new Error('enough'));
    expectTypeOf<LaneHold>().toEqualTypeOf<Readonly<LaneHoldBody>>();

    await expect(waiting).rejects.toThrow('enough');
    await eventually(async () => expect(await store.redis.hlen(waiters)).toBe(1));
    expect(await daemon.inFlightOf('a1')).toBe(0);
    expect(await first.renew(held)).toMatchObject({ leaseToken: expect.any(String) as string });
    expect(await first.release(held)).toBe('released');
  });
});
