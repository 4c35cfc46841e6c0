// How soon a waiter in another daemon has the slot that was given back: beside the least that Redis
// needs to wake somebody, and beside a peer that asks again and again.
import { ourHandOffs, semaphoreHandOffs, tokenHandOffs } from '../contenders/hand-off.ts';
import { startRedis } from '../harness/redis.ts';
import { medianOf, ratioOf, takeTurns } from '../harness/rounds.ts';
import type { Scenario } from '../harness/scenario.ts';

const OURS = 'slotkeeper';
const TOKEN = 'BLPOP of a token';
const POLLING = 'redis-semaphore';
const P50 = 'hand_off_p50_ms';

export const handOff: Scenario = {
  name: 'hand-off',
  describe: 'a slot given back in one daemon until a waiter of another holds it, p50',
  bars: [
    { name: 'hand-off-p50', op: '<=', target: 2, unit: 'x BLPOP' },
    { name: 'hand-off-polling', op: '>=', target: 30, unit: 'x faster' },
  ],
  run: async (bench) => {
    const redis = await startRedis(bench);
    const rounds = await takeTurns(bench, [
      await ourHandOffs(bench, redis, OURS),
      await tokenHandOffs(redis, TOKEN),
      await semaphoreHandOffs(bench, redis, POLLING),
    ]);
    const [ours, token, polling] = [OURS, TOKEN, POLLING].map((name) =>
      medianOf(rounds, name, P50),
    );
    const ms = (value = Number.NaN): string => `${value.toFixed(2)} ms`;
    return {
      kind: 'measured',
      rounds,
      readings: {
        'hand-off-p50': ratioOf(rounds, P50, OURS, TOKEN),
        'hand-off-polling': ratioOf(rounds, P50, POLLING, OURS),
      },
      notes: [
        `p50: slotkeeper ${ms(ours)}, BLPOP ${ms(token)}, redis-semaphore ${ms(polling)}`,
        'redis-semaphore: retryInterval 10 as it comes; one waiter, given back at random times',
      ],
    };
  },
};
