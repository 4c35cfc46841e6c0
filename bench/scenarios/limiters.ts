// Limiters of the npm world on one task: 64 workers share 64 slots, take one, do nothing, give it
// back. One scenario a peer, each alternating with ours.
import { bottleneck } from '../contenders/bottleneck.ts';
import { bullmq } from '../contenders/bullmq.ts';
import { account, leaseMsOf, ourPairs, startScheduler } from '../contenders/ours.ts';
import type { PeerLimit } from '../contenders/peer-client.ts';
import { redisSemaphore } from '../contenders/redis-semaphore.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import { ratioOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Bench, Scenario } from '../harness/scenario.ts';

const OURS = 'slotkeeper';
const LIMIT = 64;

type Peer = (bench: Bench, redis: RedisServer, task: PeerLimit) => Promise<Contender>;

function against(name: string, target: number, peer: Peer, note: string): Scenario {
  const bar = `vs-${name}`;
  return {
    name,
    describe: `acquire + release, limit ${LIMIT}, ${LIMIT} workers, vs. ${name}`,
    bars: [{ name: bar, op: '>=', target, unit: 'x' }],
    run: async (bench) => {
      const redis = await startRedis(bench);
      const leaseMs = leaseMsOf(bench);
      const cell = { cell: 'limit', accounts: [account(0, { maxConcurrency: LIMIT })], leaseMs };
      const scheduler = await startScheduler(bench, redis, cell);
      const rounds = await takeTurns(bench, [
        ourPairs(scheduler, redis, { name: OURS, leaseMs, workers: LIMIT }),
        await peer(bench, redis, { name, limit: LIMIT, workers: LIMIT }),
      ]);
      const readings = { [bar]: ratioOf(rounds, 'pairs_per_second', OURS, name) };
      return { kind: 'measured', rounds, readings, notes: [note] };
    },
  };
}

export const limiters: readonly Scenario[] = [
  against(
    'redis-semaphore',
    2.3,
    redisSemaphore,
    'redis-semaphore: Semaphore per worker, refreshInterval 0, ioredis with autopipelining',
  ),
  against(
    'bottleneck',
    40,
    bottleneck,
    'Bottleneck: clustered on ioredis, maxConcurrent 64, no reservoir, no autopipelining',
  ),
  against(
    'bullmq',
    7,
    bullmq,
    'BullMQ: global concurrency 64, worker in the same process, 256 callers, jobs removed when done',
  ),
];
