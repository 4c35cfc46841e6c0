// What breakers cost in Redis while every account is well: the same pairs with and without them.
import { accounts, leaseMsOf, ourPairs, startScheduler } from '../contenders/ours.ts';
import type { BenchAccount } from '../contenders/ours.ts';
import { configSchema } from '../../src/config/schema.ts';
import { startRedis } from '../harness/redis.ts';
import { ratioOf, takeTurns } from '../harness/rounds.ts';
import type { Contender } from '../harness/rounds.ts';
import type { Scenario } from '../harness/scenario.ts';

const BARE = 'bare slot';
const HEALTHY = 'breaker, healthy';
const COST = 'redis_us_per_pair';
const ACCOUNTS = 1000;
const WORKERS = 256;

/** Every account with the breaker that a pool has by default. */
function breakable(all: readonly BenchAccount[]): readonly BenchAccount[] {
  const { pools } = configSchema.parse({ pools: { p: { accounts: [] } } });
  const breaker = pools['p']?.breaker;
  return all.map((account) => ({ ...account, ...(breaker && { breaker }) }));
}

export const breaker: Scenario = {
  name: 'breaker',
  describe: `Redis µs per admitted request with breakers, ${ACCOUNTS} healthy accounts, vs. a bare slot`,
  bars: [{ name: 'breaker-healthy', op: '<=', target: 1.15, unit: 'x' }],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const leaseMs = leaseMsOf(bench);
    const plain = accounts(ACCOUNTS, 10);
    const pairs = async (name: string, cell: string, all: readonly BenchAccount[]) => {
      const scheduler = await startScheduler(bench, redis, { cell, accounts: all, leaseMs });
      return ourPairs(scheduler, redis, { name, leaseMs, workers: WORKERS });
    };
    const contenders: Contender[] = [
      await pairs(BARE, 'bare', plain),
      await pairs(HEALTHY, 'healthy', breakable(plain)),
    ];
    const rounds = await takeTurns(bench, contenders);
    const readings = { 'breaker-healthy': ratioOf(rounds, COST, HEALTHY, BARE) };
    return { kind: 'measured', rounds, readings };
  },
};
