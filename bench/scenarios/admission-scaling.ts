// What numbers cost an admission that waits: ten thousand tenants, accounts and waiters against ten
// of each, every gate on. Every slot is always taken, so every release hands off and every acquire
// queues.
import { CHARGED, everyGate, requestsInTurn } from '../contenders/admission.ts';
import { crowd } from '../contenders/crowd.ts';
import { accounts, leaseMsOf, startScheduler } from '../contenders/ours.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import { ratioOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Bench, Scenario } from '../harness/scenario.ts';

const FEW = 10;
const MANY = 10_000;
const WORKERS = 256;
/** Every worker gives a slot back at once; beside those there must be some that are held. */
const LEAST_SLOTS = 2 * WORKERS;
/** No waiter waits as long, so that operations are acquires and releases and nothing else. */
const CHECK_INTERVAL_MS = 60_000;

const crowdOf = (count: number): string => `${count} tenants, accounts, waiters`;

export const admissionScaling: Scenario = {
  name: 'admission-scaling',
  describe: `Redis µs per operation with ${MANY} tenants, accounts and waiters vs. ${FEW} of each`,
  bars: [{ name: 'admission-scaling', op: '<=', target: 1.5, unit: 'x' }],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const contenders = [await ours(bench, redis, FEW), await ours(bench, redis, MANY)];
    const rounds = await takeTurns(bench, contenders);
    const ratio = ratioOf(rounds, 'redis_us_per_operation', crowdOf(MANY), crowdOf(FEW));
    return { kind: 'measured', rounds, readings: { 'admission-scaling': ratio } };
  },
};

async function ours(bench: Bench, redis: RedisServer, count: number): Promise<Contender> {
  const slotsEach = Math.ceil(LEAST_SLOTS / count);
  const admission = everyGate(count);
  const scheduler = await startScheduler(bench, redis, {
    cell: `admission-${count}`,
    accounts: accounts(count, slotsEach),
    leaseMs: leaseMsOf(bench),
    admission,
    checkIntervalMs: CHECK_INTERVAL_MS,
  });
  return crowd(scheduler, redis, {
    name: crowdOf(count),
    slots: slotsEach * count,
    waiters: count,
    workers: WORKERS,
    request: requestsInTurn(admission),
    report: CHARGED,
  });
}
