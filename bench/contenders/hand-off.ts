// Who can pass a slot on: two of our schedulers, a token in a list that is waited for by BLPOP, and
// two semaphores of redis-semaphore. Each party has connections of its own.
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { measureHandOffs, type Party } from '../harness/hand-offs.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Contender } from '../harness/rounds.ts';
import type { Bench } from '../harness/scenario.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { Lease } from '../../src/scheduler/lease.ts';
import { account, slotFor, startScheduler, type OurOptions } from './ours.ts';
import { peerSemaphores } from './redis-semaphore.ts';

const WAIT_MS = 30_000;
const LEASE_MS = 30_000;

/** Two daemons of one cell: what one frees, the other learns over its channel. */
export async function ourHandOffs(
  bench: Bench,
  redis: RedisServer,
  name: string,
): Promise<Contender> {
  const cell: OurOptions = {
    cell: 'hand-off',
    accounts: [account(0, { maxConcurrency: 1 })],
    leaseMs: LEASE_MS,
  };
  const one = ourParty(await startScheduler(bench, redis, cell));
  const other = ourParty(await startScheduler(bench, redis, cell));
  await one.wait().granted;
  return { name, round: (seconds) => measureHandOffs([one, other], seconds) };
}

function ourParty(scheduler: Scheduler): Party {
  let lease: Lease | undefined;
  return {
    wait: () => {
      const parked = once(scheduler.events, 'queued');
      const granted = scheduler.acquire({ ...slotFor(), waitMs: WAIT_MS });
      return { parked, granted: granted.then((taken) => (lease = taken)) };
    },
    giveBack: () => lease?.release(),
  };
}

/** Nothing but the waking up: no limit, no lease; a holder that dies takes the token with it. */
export async function tokenHandOffs(redis: RedisServer, name: string): Promise<Contender> {
  const observer = redis.connect();
  const party = (): Party => {
    const [waits, pushes] = [redis.connect(), redis.connect()];
    return {
      wait: () => {
        const granted = waits.blpop('token', 0);
        return { parked: untilBlocked(observer), granted };
      },
      giveBack: () => pushes.lpush('token', 'token'),
    };
  };
  const parties = [party(), party()] as const;
  return { name, round: (seconds) => measureHandOffs(parties, seconds) };
}

async function untilBlocked(redis: Redis): Promise<void> {
  while (/^blocked_clients:0/m.test(await redis.info('clients')));
}

/** It asks every 10 ms by default; the first question, unanswered, is its parking. */
export async function semaphoreHandOffs(
  bench: Bench,
  redis: RedisServer,
  name: string,
): Promise<Contender> {
  const [first, second] = [bench, bench].map((one) => {
    const [semaphore] = peerSemaphores(one, redis, { limit: 1, workers: 1 });
    if (semaphore === undefined) throw new Error('no semaphore was made');
    return {
      wait: () => ({ parked: Promise.resolve(), granted: semaphore.acquire() }),
      giveBack: () => semaphore.release(),
    } satisfies Party;
  });
  if (first === undefined || second === undefined) throw new Error('two parties are needed');
  await first.wait().granted;
  return { name, round: (seconds) => measureHandOffs([first, second], seconds) };
}
