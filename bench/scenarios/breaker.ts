// What breakers cost in Redis while every account is well, and sessions and lanes beside them: the
// same pairs without, with breakers, and with a quarter of the requests in lanes of their sessions.
import { accounts, leaseMsOf, ourPairs, slotFor, startScheduler } from '../contenders/ours.ts';
import type { BenchAccount, OurPairs } from '../contenders/ours.ts';
import { configSchema } from '../../src/config/schema.ts';
import { startRedis } from '../harness/redis.ts';
import { ratioOf, takeTurns } from '../harness/rounds.ts';
import type { Contender } from '../harness/rounds.ts';
import type { Scenario } from '../harness/scenario.ts';

const BARE = 'bare slot';
const HEALTHY = 'breaker, healthy';
const LANED = 'breaker, a quarter in lanes';
const COST = 'redis_us_per_pair';
const ACCOUNTS = 1000;
const WORKERS = 256;
const SESSIONS = 10_000;
const LANED_EVERY = 4;

/** Every fourth request is of a session, in its lane; sessions take turns. */
function quarterInLanes(): NonNullable<OurPairs['request']> {
  let asked = 0;
  return () => {
    asked += 1;
    if (asked % LANED_EVERY !== 0) return slotFor();
    return { ...slotFor(), session: `session-${asked % SESSIONS}`, lane: true };
  };
}

/** Every account with the breaker that a pool has by default. */
function breakable(all: readonly BenchAccount[]): readonly BenchAccount[] {
  const { pools } = configSchema.parse({ pools: { p: { accounts: [] } } });
  const breaker = pools['p']?.breaker;
  return all.map((account) => ({ ...account, ...(breaker && { breaker }) }));
}

export const breaker: Scenario = {
  name: 'breaker',
  describe: `Redis µs per admitted request with breakers (and lanes), ${ACCOUNTS} healthy accounts, vs. a bare slot`,
  bars: [
    { name: 'breaker-healthy', op: '<=', target: 1.15, unit: 'x' },
    { name: 'breaker-session-lane', op: '<=', target: 1.5, unit: 'x' },
  ],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const leaseMs = leaseMsOf(bench);
    const plain = accounts(ACCOUNTS, 10);
    const pairs = async (
      cell: string,
      all: readonly BenchAccount[],
      options: Pick<OurPairs, 'name' | 'request'>,
    ) => {
      const scheduler = await startScheduler(bench, redis, { cell, accounts: all, leaseMs });
      return ourPairs(scheduler, redis, { ...options, leaseMs, workers: WORKERS });
    };
    const contenders: Contender[] = [
      await pairs('bare', plain, { name: BARE }),
      await pairs('healthy', breakable(plain), { name: HEALTHY }),
      await pairs('laned', breakable(plain), { name: LANED, request: quarterInLanes() }),
    ];
    const rounds = await takeTurns(bench, contenders);
    const readings = {
      'breaker-healthy': ratioOf(rounds, COST, HEALTHY, BARE),
      'breaker-session-lane': ratioOf(rounds, COST, LANED, BARE),
    };
    return { kind: 'measured', rounds, readings };
  },
};
