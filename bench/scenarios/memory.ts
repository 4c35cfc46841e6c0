// What a held lease weighs in Redis, with all that belongs to it: its record, its entry among the
// expiries, and the share of every index that it makes grow.
import { accounts, POOL, startScheduler } from '../contenders/ours.ts';
import { startRedis } from '../harness/redis.ts';
import type { Figures, Scenario } from '../harness/scenario.ts';

const ACCOUNTS = 1000;
const LEASE_MS = 600_000;
const CALLERS = 256;

export const memory: Scenario = {
  name: 'memory',
  describe: 'bytes of Redis memory per held lease, full record, ids of 21 characters',
  bars: [{ name: 'memory', op: '<=', target: 400, unit: 'B/lease' }],
  run: async (bench) => {
    const leases = bench.quick ? 20_000 : 100_000;
    const redis = await startRedis(bench);
    const all = accounts(ACCOUNTS, 2 * Math.ceil(leases / ACCOUNTS));
    const cell = { cell: 'memory', accounts: all, leaseMs: LEASE_MS };
    const scheduler = await startScheduler(bench, redis, cell);
    const targets = [{ pool: POOL, model: 'gpt-4' }];
    const take = () => scheduler.acquire({ targets, renewal: 'by-holder' });
    // The first grants bring the counters and indexes that stay; they are no part of a lease.
    for (let warmUp = 0; warmUp < ACCOUNTS; warmUp++) await (await take()).release();
    const before = await redis.usedMemoryBytes();
    bench.progress(`taking ${leases} leases`);
    let taken = 0;
    const caller = async (): Promise<void> => {
      while (taken++ < leases) await take();
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    const used = (await redis.usedMemoryBytes()) - before;
    const figures: Figures = { leases, used_mib: used / 2 ** 20, bytes_per_lease: used / leases };
    return {
      kind: 'measured',
      rounds: new Map([['slotkeeper', [figures]]]),
      readings: { memory: used / leases },
    };
  },
};
