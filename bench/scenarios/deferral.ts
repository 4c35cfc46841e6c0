// Deferred work: how fast a backlog is worked off, against plain BullMQ with the same worker, and whether
// stages that all have a backlog get their shares.
import {
  deferralJobs,
  jobOf,
  newDeferral,
  plainJobs,
  type Backlog,
} from '../contenders/deferred-jobs.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import { ratioOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Rounds, Scenario } from '../harness/scenario.ts';

const OURS = 'slotkeeper';
const PLAIN = 'plain BullMQ';
const CONCURRENCY = 16;
/** Short for an answer of a model: what the queue costs shows all the more. */
const HOLD_MS = 10;
const JOBS_PER_SECOND = 500;
const WEIGHTS = { summarize: 5, classify: 3, batch: 2 } as const;
const COUNTED = 400;

export const deferral: Scenario = {
  name: 'deferral',
  describe: `a backlog of jobs of ${HOLD_MS} ms, ${CONCURRENCY} at once, vs. plain BullMQ; shares of three stages`,
  bars: [
    { name: 'defer-vs-bullmq', op: '>=', target: 0.7, unit: 'x' },
    { name: 'defer-shares', op: '<=', target: 0.05, unit: 'off' },
  ],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const backlog = { concurrency: CONCURRENCY, holdMs: HOLD_MS, jobsPerSecond: JOBS_PER_SECOND };
    const named = (name: string): Backlog => ({ ...backlog, name });
    const rounds = await takeTurns(bench, [
      deferralJobs(redis, named(OURS)),
      plainJobs(redis, named(PLAIN)),
      shares(redis),
    ]);
    return {
      kind: 'measured',
      rounds,
      readings: {
        'defer-vs-bullmq': ratioOf(rounds, 'jobs_per_second', OURS, PLAIN),
        'defer-shares': worst(rounds, 'shares', 'furthest_off_share'),
      },
      notes: ['shares: the stage that is furthest from its weight, of the worst round'],
    };
  },
};

function worst(rounds: Rounds, contender: string, figure: string): number {
  return Math.max(...(rounds.get(contender) ?? []).map((figures) => figures[figure] ?? NaN));
}

/** All stages have more to do than is counted; what is begun first is counted. */
function shares(redis: RedisServer): Contender {
  let round = 0;
  return {
    name: 'shares',
    round: async () => {
      const begun: string[] = [];
      let done = (): void => undefined;
      const counted = new Promise<void>((resolve) => (done = resolve));
      const one = newDeferral(redis, {
        ...{ cell: `shares-${round++}`, stages: WEIGHTS, concurrency: CONCURRENCY },
        run: async (stage) => {
          if (begun.push(stage) === COUNTED) done();
          await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
        },
      });
      const stages = Object.keys(WEIGHTS);
      await one.submitMany(
        stages.flatMap((stage) => Array<string>(COUNTED).fill(stage)).map(jobOf),
      );
      await one.start();
      await counted;
      await one.stop();
      return { furthest_off_share: furthestOff(begun.slice(0, COUNTED)) };
    },
  };
}

function furthestOff(begun: readonly string[]): number {
  const all = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0);
  const off = Object.entries(WEIGHTS).map(([stage, weight]) => {
    const share = begun.filter((one) => one === stage).length / begun.length;
    return Math.abs(share - weight / all);
  });
  return Math.max(...off);
}
