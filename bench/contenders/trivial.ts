// The floor of any scheduler in Redis: two scripts that do nothing, one to take and one to give
// back. Nothing that asks Redis twice per request, one operation a call, can be faster.
import type { RedisServer } from '../harness/redis.ts';
import { measurePairs } from '../harness/pairs.ts';
import type { Contender } from '../harness/rounds.ts';

export interface TrivialOptions {
  readonly name: string;
  readonly workers: number;
}

export async function trivialPairs(
  redis: RedisServer,
  options: TrivialOptions,
): Promise<Contender> {
  const client = redis.connect();
  const sha = (await client.script('LOAD', 'return 1')) as string;
  const load = {
    workers: options.workers,
    pair: async () => {
      await client.evalsha(sha, 0);
      await client.evalsha(sha, 0);
    },
  };
  return { name: options.name, round: (seconds) => measurePairs(redis, load, seconds) };
}
