// Faults of several servers of Redis: a replica that is promoted, a slot that moves.
import type { Fault } from '../fault.ts';
import { CELL, RECOVERY_MS } from '../configuration.ts';
import type { Stage } from '../stage.ts';
import { AMNESIA, NO_STORE } from './store.ts';

/** Redis is away for as long as the Sentinels take: longer than some leases are trusted. */
const AWAY = [...NO_STORE, '503 lease_lost', 'answer cut*', '429 queue_timeout'];

/** Requests that were under way at some time since then: the replica may not know how they went on. */
function underWaySince({ load, daemons }: Stage, since: number): number {
  const running = daemons.flatMap(({ index }) => load.running(index)).length;
  return running + load.ended.filter(({ endedAt }) => endedAt >= since).length;
}

function promotion(name: string, lagMs: number): Fault {
  const lag = lagMs === 0 ? 'is in step' : `lags ${lagMs / 1000} s`;
  return {
    name,
    does: `kill -9 of the master; Sentinels promote a replica that ${lag}`,
    store: 'sentinels',
    expects: {
      ...AMNESIA,
      holds:
        'live leases are registered again first; excess and unpaid are bounded by what was under way since the replica’s last write',
      // The bill is checked, up to what may be forgotten.
      losesLedger: false,
      opensWindow: true,
      errors: AWAY,
      hurtsAll: true,
      takesStoreAway: true,
      recoveryMs: RECOVERY_MS + 3000,
    },
    run: async (stage) => {
      const sentinels = stage.store.sentinels!;
      const old = await sentinels.master();
      const cutAt = performance.now();
      if (lagMs > 0) {
        await sentinels.detach();
        await stage.pause(lagMs);
      }
      stage.forgotten = underWaySince(stage, cutAt);
      stage.oracle.openWindow();
      await old.kill();
      await sentinels.reattach();
      await stage.until('a replica was promoted', async () => {
        const role = await stage.admin.call('ROLE').catch(() => []);
        return (role as readonly unknown[])[0] === 'master';
      });
      stage.demand((await sentinels.master()) !== old, 'the killed master is still the master');
    },
  };
}

const KEYS_AT_ONCE = 1;
const BETWEEN_KEYS_MS = 40;

const slotMoves: Fault = {
  name: 'cluster-slots-moving',
  does: 'the cell’s slot moves, key by key, to another master of a Redis Cluster',
  store: 'cluster',
  expects: {
    holds: 'an outage of the move and a recovery, measured and declared; nothing is oversold in it',
    errors: [...NO_STORE, '503 lease_lost', 'answer cut*'],
    hurtsAll: true,
    takesStoreAway: true,
    recoveryMs: RECOVERY_MS + 3000,
    outageAfterMs: RECOVERY_MS + 1500,
  },
  run: async (stage) => {
    const cluster = stage.store.cluster!;
    const from = await cluster.ownerOf(CELL);
    const to = cluster.nodes.slice(0, 3).find((node) => node !== from)!;
    await cluster.beginMove(CELL, to);
    let moved = 0;
    for (let keys = 1; keys > 0; moved += keys) {
      keys = await cluster.moveKeys(CELL, to, KEYS_AT_ONCE);
      await stage.pause(BETWEEN_KEYS_MS);
    }
    await cluster.finishMove(CELL, to);
    await stage.until('its new master answered', async () => {
      return await stage.counters().then(
        () => true,
        () => false,
      );
    });
    stage.demand(moved > 10, `only ${moved} keys moved`);
    stage.demand((await cluster.ownerOf(CELL)) === to, 'the slot is where it was');
  },
};

const LAG_MS = 3000;

export const serverFaults: readonly Fault[] = [
  promotion('promotion-in-step', 0),
  promotion('promotion-with-lag', LAG_MS),
  slotMoves,
];
