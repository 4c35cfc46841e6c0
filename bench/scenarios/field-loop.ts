// Ours against the field's way to choose: a loop over all accounts, inside one script.
import { accounts, leaseMsOf, ourPairs, startScheduler } from '../contenders/ours.ts';
import { fieldLoop as loopOverAccounts } from '../contenders/field-loop.ts';
import { startRedis } from '../harness/redis.ts';
import { ratioOf, takeTurns } from '../harness/rounds.ts';
import type { Scenario } from '../harness/scenario.ts';

const OURS = 'slotkeeper';
const LOOP = 'loop over accounts';
const ACCOUNTS = 1000;
const LIMIT = 10;
const WORKERS = 256;

export const fieldLoop: Scenario = {
  name: 'field-loop',
  describe: `acquire + release, ${ACCOUNTS} accounts, ${WORKERS} in flight, vs. a loop over them`,
  bars: [{ name: 'field-loop', op: '>=', target: 50, unit: 'x' }],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const leaseMs = leaseMsOf(bench);
    const cell = { cell: 'field', accounts: accounts(ACCOUNTS, LIMIT), leaseMs };
    const scheduler = await startScheduler(bench, redis, cell);
    const task = { accounts: ACCOUNTS, limit: LIMIT, leaseMs, workers: WORKERS };
    const rounds = await takeTurns(bench, [
      ourPairs(scheduler, redis, { name: OURS, leaseMs, workers: WORKERS }),
      await loopOverAccounts(redis, { name: LOOP, ...task }),
    ]);
    const readings = { 'field-loop': ratioOf(rounds, 'pairs_per_second', OURS, LOOP) };
    return { kind: 'measured', rounds, readings };
  },
};
