// Jobs that wait and are worked on: by deferral, and by plain BullMQ with the same worker. What is
// measured is the working off of a backlog that lies there already, with its acknowledgement.
import { setTimeout as delay } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { deferralSchema } from '../../src/config/deferral-schema.ts';
import type { JobAnswer } from '../../src/deferral/job.ts';
import { Deferral } from '../../src/deferral/service.ts';
import { queueConnection } from '../../src/redis/queue-connection.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Contender } from '../harness/rounds.ts';

export interface Backlog {
  readonly name: string;
  readonly concurrency: number;
  /** How long a job takes beside what the queue costs. */
  readonly holdMs: number;
  readonly jobsPerSecond: number;
}

const KILOBYTE = 1000;
const REQUEST = {
  path: '/v1/chat/completions',
  headers: {},
  body: JSON.stringify({ model: 'deep', text: 'x'.repeat(KILOBYTE) }),
};
const ANSWER: JobAnswer = { status: 200, headers: {}, body: 'x'.repeat(KILOBYTE) };
const STAGE = 'summarize';
const AT_ONCE = 200;

export function deferralJobs(redis: RedisServer, backlog: Backlog): Contender {
  let round = 0;
  return {
    name: backlog.name,
    round: async (seconds) => {
      const jobs = Math.round(backlog.jobsPerSecond * seconds);
      const deferral = newDeferral(redis, {
        ...{ cell: `backlog-${round++}`, stages: { [STAGE]: 1 } },
        concurrency: backlog.concurrency,
        run: async () => {
          await delay(backlog.holdMs);
        },
      });
      await deferral.submitMany(Array.from({ length: jobs }, () => jobOf(STAGE)));
      const elapsedMs = await timed((done) => {
        let ended = 0;
        deferral.events.on('ended', () => (ended += 1) === jobs && done());
        void deferral.start();
      });
      await deferral.stop();
      return { jobs_per_second: jobs / (elapsedMs / 1000) };
    },
  };
}

export function plainJobs(redis: RedisServer, backlog: Backlog): Contender {
  let round = 0;
  return {
    name: backlog.name,
    round: async (seconds) => {
      const jobs = Math.round(backlog.jobsPerSecond * seconds);
      const [asking, working] = [redis.connect(), queueConnection(redis.connect(), 'working')];
      const prefix = `{plain-${round++}}`;
      const defaultJobOptions = { removeOnComplete: true, removeOnFail: true };
      const queue = new Queue(STAGE, { connection: asking, prefix, defaultJobOptions });
      for (let from = 0; from < jobs; from += AT_ONCE) {
        const length = Math.min(AT_ONCE, jobs - from);
        await queue.addBulk(Array.from({ length }, () => ({ name: STAGE, data: { REQUEST } })));
      }
      const { concurrency, holdMs } = backlog;
      const work = async (): Promise<JobAnswer> => {
        await delay(holdMs);
        return ANSWER;
      };
      let worker: Worker | undefined;
      const elapsedMs = await timed((done) => {
        let ended = 0;
        worker = new Worker(STAGE, work, { connection: working, prefix, concurrency });
        worker.on('completed', () => (ended += 1) === jobs && done());
      });
      await worker?.close();
      await queue.close();
      working.disconnect();
      return { jobs_per_second: jobs / (elapsedMs / 1000) };
    },
  };
}

export interface DeferralParts {
  readonly cell: string;
  /** Weights by name. */
  readonly stages: Readonly<Record<string, number>>;
  readonly concurrency: number;
  readonly run: (stage: string) => Promise<void>;
}

export function newDeferral(redis: RedisServer, parts: DeferralParts): Deferral {
  const { cell, stages, concurrency, run } = parts;
  const weighed = Object.entries(stages).map(([name, weight]) => [name, { weight }] as const);
  return new Deferral({
    redis: redis.connect(),
    config: deferralSchema.parse({
      ...{ enabled: true, concurrency, maxDepth: 1_000_000, maxKept: 1_000_000 },
      stages: Object.fromEntries(weighed),
    }),
    ...{ cell, daemon: 'bench', lockMs: 30_000 },
    run: async ({ stage }) => {
      await run(stage);
      return { kind: 'answered', answer: ANSWER };
    },
  });
}

export const jobOf = (stage: string) => ({
  ...{ stage, tenant: 'bench', slot: 'deep', request: REQUEST, delayMs: 0 },
});

async function timed(begin: (done: () => void) => void): Promise<number> {
  const startMs = performance.now();
  await new Promise<void>(begin);
  return performance.now() - startMs;
}
