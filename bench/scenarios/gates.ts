// What it costs in Redis that a request must pass every gate: the tenant's slots, rates and budget
// and the budget over everything, with the actual cost told at the release.
import { CHARGED, everyGate, requestsInTurn } from '../contenders/admission.ts';
import { accounts, leaseMsOf, ourPairs, startScheduler } from '../contenders/ours.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import { medianOf, ratioOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Bench, Scenario } from '../harness/scenario.ts';

const BARE = 'bare slot';
const GATED = 'every gate';
const BOOKED = 'every gate, spend booked';
const COST = 'redis_us_per_pair';
const ACCOUNTS = 1000;
const TENANTS = 1000;
const WORKERS = 256;
/** Where the gateway books a cost; the bar is about gates, this shows what the books add. */
const SPEND = { route: 'gpt-4', model: 'gpt-4' };

export const gates: Scenario = {
  name: 'gates',
  describe: `Redis µs per admitted request, ${TENANTS} tenants with every gate on vs. a bare slot`,
  bars: [
    { name: 'gates-vs-bare', op: '<=', target: 2.2, unit: 'x' },
    { name: 'gates-redis-us', op: '<=', target: 16, unit: 'µs/pair' },
  ],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const leaseMs = leaseMsOf(bench);
    const cell = { cell: 'bare', accounts: accounts(ACCOUNTS, 10), leaseMs };
    const scheduler = await startScheduler(bench, redis, cell);
    const bare = ourPairs(scheduler, redis, { name: BARE, leaseMs, workers: WORKERS });
    const rounds = await takeTurns(bench, [bare, ...(await gated(bench, redis))]);
    return {
      kind: 'measured',
      rounds,
      readings: {
        'gates-vs-bare': ratioOf(rounds, COST, GATED, BARE),
        'gates-redis-us': medianOf(rounds, GATED, COST),
      },
    };
  },
};

async function gated(bench: Bench, redis: RedisServer): Promise<readonly Contender[]> {
  const leaseMs = leaseMsOf(bench);
  const admission = everyGate(TENANTS);
  const cell = { cell: 'gated', accounts: accounts(ACCOUNTS, 10), leaseMs, admission };
  const scheduler = await startScheduler(bench, redis, cell);
  const load = { leaseMs, workers: WORKERS, request: requestsInTurn(admission) };
  return [
    ourPairs(scheduler, redis, { ...load, name: GATED, report: CHARGED }),
    ourPairs(scheduler, redis, { ...load, name: BOOKED, report: { ...CHARGED, spend: SPEND } }),
  ];
}
