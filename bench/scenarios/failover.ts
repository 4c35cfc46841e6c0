// What a failover costs a request beyond the attempt that failed: every request meets a failing account
// first and is answered by another one, beside requests that are answered at once.
import { startDaemon } from '../contenders/daemon.ts';
import { failingUpstream, staticUpstream } from '../contenders/http.ts';
import { underConstantRate } from '../harness/open-loop.ts';
import { startRedis } from '../harness/redis.ts';
import { differenceOf, medianOf, takeTurns } from '../harness/rounds.ts';
import type { Scenario } from '../harness/scenario.ts';

const OVER = 'failed over';
const STRAIGHT = 'answered at once';
const FAILING = 'failing, direct';
const P50 = 'p50_ms';
const RATE = 50;
const FAILURE = 501;

export const failover: Scenario = {
  name: 'failover',
  describe: `p50 that a failover adds to the attempt that failed, at ${RATE} requests a second`,
  bars: [{ name: 'failover-added-p50', op: '<=', target: 1, unit: 'ms' }],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const upstream = await staticUpstream(bench);
    const failing = await failingUpstream(bench);
    const { port } = upstream.child;
    const straight = await startDaemon(bench, redis, port);
    const over = await startDaemon(bench, redis, port, failing.child.port);
    const rounds = await takeTurns(bench, [
      underConstantRate(bench, OVER, over, RATE),
      underConstantRate(bench, STRAIGHT, straight, RATE),
      underConstantRate(bench, FAILING, failing, RATE, FAILURE),
    ]);
    const wholeMs = differenceOf(rounds, P50, OVER, STRAIGHT);
    const attemptMs = medianOf(rounds, FAILING, P50);
    const note = `${wholeMs.toFixed(2)} ms more in all, of which the failed attempt ${attemptMs.toFixed(2)} ms`;
    return {
      kind: 'measured',
      rounds,
      readings: { 'failover-added-p50': wholeMs - attemptMs },
      notes: [`${note} (a direct call of the same upstream)`],
    };
  },
};
