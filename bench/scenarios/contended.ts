// Waiting under contention: far more workers than slots. A slot that comes back must be held again
// at once, everybody must wait about as long, and nobody may be overtaken.
import { account, leaseMsOf, slotFor, startScheduler } from '../contenders/ours.ts';
import { localSemaphore } from '../contenders/local-semaphore.ts';
import { measureHolds } from '../harness/holds.ts';
import { startRedis } from '../harness/redis.ts';
import { medianOf, ratioOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Bench, Scenario } from '../harness/scenario.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';

const OURS = 'slotkeeper';
const LOCAL = 'semaphore in the process';
const LIMIT = 8;
const WORKERS = 256;
const HOLD_MS = 5;
const TENANTS = ['a', 'b', 'c', 'd'];
const WAIT_MS = 60_000;

export const contended: Scenario = {
  name: 'contended',
  describe: `limit ${LIMIT}, ${WORKERS} workers of ${TENANTS.length} tenants, ${HOLD_MS} ms hold, vs. a semaphore in the process`,
  bars: [
    { name: 'contended-rate', op: '>=', target: 0.95, unit: 'x' },
    { name: 'contended-wait', op: '<=', target: 1.2, unit: 'max/median' },
    { name: 'contended-order', op: '<=', target: 0, unit: 'overtaken' },
  ],
  run: async (bench) => {
    const scheduler = await startOurs(bench);
    const rounds = await takeTurns(bench, [
      ours(scheduler),
      localSemaphore({ name: LOCAL, limit: LIMIT, workers: WORKERS, holdMs: HOLD_MS }),
    ]);
    return {
      kind: 'measured',
      rounds,
      readings: {
        'contended-rate': ratioOf(rounds, 'holds_per_second', OURS, LOCAL),
        'contended-wait': medianOf(rounds, OURS, 'wait_max_over_p50'),
        'contended-order': Math.max(...(rounds.get(OURS) ?? []).map((one) => one['overtaken']!)),
      },
      notes: [
        'overtaken: served after a later one of the same tenant, by fences; the worst round counts',
      ],
    };
  },
};

async function startOurs(bench: Bench): Promise<Scheduler> {
  const redis = await startRedis(bench);
  return await startScheduler(bench, redis, {
    cell: 'contended',
    accounts: [account(0, { maxConcurrency: LIMIT })],
    leaseMs: leaseMsOf(bench),
    admission: { tenants: TENANTS.map((name) => ({ name, weight: 1 })), timeZone: 'UTC' },
  });
}

function ours(scheduler: Scheduler): Contender {
  const take = async (worker: number) => {
    const tenant = TENANTS[worker % TENANTS.length] ?? '';
    const lease = await scheduler.acquire({ ...slotFor(), tenant, waitMs: WAIT_MS });
    return { tenant, grant: lease.fence, giveBack: () => lease.release() };
  };
  const load = { workers: WORKERS, holdMs: HOLD_MS, take };
  return { name: OURS, round: (seconds) => measureHolds(load, seconds) };
}
