// The heart against the floor: what a full admission costs beside two scripts that do nothing.
import { accounts, leaseMsOf, ourPairs, startScheduler } from '../contenders/ours.ts';
import { trivialPairs } from '../contenders/trivial.ts';
import { startRedis } from '../harness/redis.ts';
import { medianOf, ratioOf, takeTurns } from '../harness/rounds.ts';
import type { Scenario } from '../harness/scenario.ts';

const OURS = 'slotkeeper';
const FLOOR = 'two trivial EVALSHA';
const WORKERS = 256;

export const heart: Scenario = {
  name: 'heart-vs-trivial',
  describe:
    'acquire + release, full records, 1,000 accounts, 256 in flight, vs. two trivial EVALSHA',
  bars: [
    { name: 'heart-vs-trivial', op: '>=', target: 1.2, unit: 'x' },
    { name: 'heart-redis-us', op: '<=', target: 7.5, unit: 'µs/pair' },
  ],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const leaseMs = leaseMsOf(bench);
    const cell = { cell: 'heart', accounts: accounts(1000, 10), leaseMs };
    const scheduler = await startScheduler(bench, redis, cell);
    const rounds = await takeTurns(bench, [
      ourPairs(scheduler, redis, { name: OURS, leaseMs, workers: WORKERS }),
      await trivialPairs(redis, { name: FLOOR, workers: WORKERS }),
    ]);
    return {
      kind: 'measured',
      rounds,
      readings: {
        'heart-vs-trivial': ratioOf(rounds, 'pairs_per_second', OURS, FLOOR),
        'heart-redis-us': medianOf(rounds, OURS, 'redis_us_per_pair'),
      },
    };
  },
};
