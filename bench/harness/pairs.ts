// A closed loop: a fixed number of workers, each doing one pair (take and give back) after
// another, and what a pair costs in time, in Redis and in this process. The driver and the
// contender's client share this process, so Node's CPU contains both, for every contender alike.
import type { RedisServer } from './redis.ts';
import type { Figures } from './scenario.ts';
import { percentile } from './stats.ts';

export interface PairLoad {
  readonly workers: number;
  /** One take and give-back. A rejection ends the round. */
  pair(worker: number): Promise<unknown>;
  /** Time before the counted window, so that what a pair leaves behind comes due within it. */
  readonly leadInMs?: number;
  /** Runs after the workers have ended, uncounted: nothing of the contender may go on after it. */
  settle?(): Promise<unknown>;
}

interface Snapshot {
  readonly pairs: number;
  readonly atMs: number;
  readonly redisUs: number;
  readonly scriptUs: number;
  readonly nodeUs: number;
}

/** Runs the load and gives its figures per second and per pair. */
export async function measurePairs(
  redis: RedisServer,
  load: PairLoad,
  seconds: number,
): Promise<Figures> {
  const run = { stopped: false, pairs: 0, latenciesMs: [] as number[] };
  const workers = Array.from({ length: load.workers }, (_, worker) => loop(load, worker, run));
  const ended = Promise.all(workers);
  const measured = (async () => {
    await delay(load.leadInMs ?? 100);
    const before = await snapshot(redis, run);
    run.latenciesMs.length = 0;
    await delay(seconds * 1000);
    const after = await snapshot(redis, run);
    return figures(before, after, [...run.latenciesMs]);
  })();
  // When a worker fails nobody waits for the measurement any more, and it may fail too.
  measured.catch(() => undefined);
  try {
    return await Promise.race([measured, ended.then(() => measured)]);
  } finally {
    run.stopped = true;
    await Promise.allSettled(workers);
    await load.settle?.();
  }
}

async function loop(
  load: PairLoad,
  worker: number,
  run: { stopped: boolean; pairs: number; readonly latenciesMs: number[] },
): Promise<void> {
  // Only one worker is timed: a clock read for each pair would be a cost of the driver's own.
  const timed = worker === 0;
  while (!run.stopped) {
    const startMs = timed ? performance.now() : 0;
    await load.pair(worker);
    run.pairs++;
    if (timed) run.latenciesMs.push(performance.now() - startMs);
  }
}

async function snapshot(redis: RedisServer, run: { readonly pairs: number }): Promise<Snapshot> {
  const { cpuUs, scriptUs } = await redis.cost();
  const { user, system } = process.cpuUsage();
  return {
    pairs: run.pairs,
    atMs: performance.now(),
    redisUs: cpuUs,
    scriptUs,
    nodeUs: user + system,
  };
}

function figures(before: Snapshot, after: Snapshot, latenciesMs: readonly number[]): Figures {
  const pairs = after.pairs - before.pairs;
  return {
    pairs_per_second: pairs / ((after.atMs - before.atMs) / 1000),
    redis_us_per_pair: (after.redisUs - before.redisUs) / pairs,
    script_us_per_operation: (after.scriptUs - before.scriptUs) / pairs / 2,
    node_us_per_pair: (after.nodeUs - before.nodeUs) / pairs,
    p50_ms: percentile(latenciesMs, 0.5),
    p99_ms: percentile(latenciesMs, 0.99),
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
