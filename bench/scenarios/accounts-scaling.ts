// What the number of accounts costs: ours against the field's loop, from 10 to 10,000. Twenty sets
// of models, limits from 64 to 512, a tenth of the accounts disabled or full.
import { account, leaseMsOf, ourPairs, POOL, slotFor, startScheduler } from '../contenders/ours.ts';
import type { BenchAccount } from '../contenders/ours.ts';
import { fieldLoop } from '../contenders/field-loop.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import { ratioOf, takeTurns, type Contender } from '../harness/rounds.ts';
import type { Bench, Scenario } from '../harness/scenario.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';

export const ACCOUNT_COUNTS = [10, 100, 1000, 10_000] as const;
export const oursAt = (count: number): string => `slotkeeper, ${count} accounts`;
export const loopAt = (count: number): string => `loop, ${count} accounts`;

const MODEL_SETS = 20;
const MODELS_PER_SET = 5;
const LIMITS = [64, 128, 256, 512];
const HOLD_MS = 3_600_000;

export const accountsScaling: Scenario = {
  name: 'accounts-scaling',
  describe: 'Redis µs per operation at 10,000 accounts vs. 10; 20 model sets, a tenth unavailable',
  bars: [{ name: 'accounts-scaling', op: '<=', target: 1.2, unit: 'x' }],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const contenders: Contender[] = [];
    for (const count of ACCOUNT_COUNTS) {
      contenders.push(await ours(bench, redis, count), await loop(redis, count));
    }
    const rounds = await takeTurns(bench, contenders);
    const ratio = ratioOf(rounds, 'redis_us_per_pair', oursAt(10_000), oursAt(10));
    return {
      kind: 'measured',
      rounds,
      readings: { 'accounts-scaling': ratio },
      notes: ['an operation is half a pair; from 1,000 accounts on the loop has 8 in flight'],
    };
  },
};

async function ours(bench: Bench, redis: RedisServer, count: number): Promise<Contender> {
  const leaseMs = leaseMsOf(bench);
  const all = Array.from({ length: count }, (_, index) => mixedAccount(index));
  const toFill = all.filter(({ maxConcurrency }) => maxConcurrency === 1);
  const first = toFill.length > 0 ? toFill : all;
  const cell = { cell: `accounts-${count}`, accounts: first, leaseMs };
  const scheduler = await startScheduler(bench, redis, cell);
  await fill(scheduler, toFill.length);
  await scheduler.configure(all);
  let turn = 0;
  return ourPairs(scheduler, redis, {
    name: oursAt(count),
    leaseMs,
    workers: 256,
    // Ten accounts have sets 0 to 9 only; models 4 to 9 are in five sets at every size.
    request: () => slotFor(model(count < MODEL_SETS ? 4 + (turn++ % 6) : turn++)),
  });
}

function loop(redis: RedisServer, count: number): Promise<Contender> {
  // Few in flight where a call takes milliseconds: its cost does not depend on their number.
  const workers = count >= 1000 ? 8 : 256;
  const options = { accounts: count, limit: 512, leaseMs: 30_000, workers };
  return fieldLoop(redis, { name: loopAt(count), ...options });
}

/** Of twenty accounts in a row one is disabled and one has a single slot, which `fill` takes. */
function mixedAccount(index: number): BenchAccount {
  const models = Array.from({ length: MODELS_PER_SET }, (_, offset) => model(index + offset));
  // Moves on by one in each row, so that no set of models is without accounts.
  const place = (index + Math.floor(index / MODEL_SETS)) % MODEL_SETS;
  const maxConcurrency = place === 13 ? 1 : (LIMITS[index % LIMITS.length] ?? 64);
  return account(index, { maxConcurrency, models, enabled: place !== 3 });
}

function model(number: number): string {
  return `model-${number % MODEL_SETS}`;
}

/** Takes every slot of accounts that have one each, for longer than the scenario lasts. */
async function fill(scheduler: Scheduler, accounts: number): Promise<void> {
  let held = 0;
  for (let number = 0; number < MODEL_SETS; number++) {
    const targets = [{ pool: POOL, model: model(number) }];
    const request = { targets, renewal: 'by-holder', leaseMs: HOLD_MS } as const;
    while (held < accounts && (await scheduler.tryAcquire(request)).kind === 'granted') held++;
  }
  if (held < accounts) throw new Error(`only ${held} of ${accounts} accounts could be filled`);
}
