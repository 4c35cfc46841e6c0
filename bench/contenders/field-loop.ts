// What gateways of the field do to choose among accounts: a ZSET of holders for each account, and
// a loop over all of them that drops the expired, counts the rest and keeps the least loaded.
// Favourable to it: atomic in one script, and the script makes the keys' names itself.
import { nanoid } from 'nanoid';
import { measurePairs } from '../harness/pairs.ts';
import type { RedisServer } from '../harness/redis.ts';
import type { Contender } from '../harness/rounds.ts';

const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit = tonumber(ARGV[2])
local best, least
for account = 1, tonumber(ARGV[1]) do
  local key = KEYS[1] .. account
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local held = redis.call('ZCARD', key)
  if held < limit and (not least or held < least) then best, least = key, held end
end
if not best then return false end
redis.call('ZADD', best, now + tonumber(ARGV[4]), ARGV[3])
return best
`;

export interface FieldLoopOptions {
  readonly name: string;
  readonly accounts: number;
  readonly limit: number;
  readonly leaseMs: number;
  readonly workers: number;
}

export async function fieldLoop(redis: RedisServer, options: FieldLoopOptions): Promise<Contender> {
  const client = redis.connect();
  const sha = (await client.script('LOAD', TAKE)) as string;
  const { accounts, limit, leaseMs, workers } = options;
  const prefix = `field:${accounts}:`;
  const pair = async (): Promise<void> => {
    const id = nanoid();
    const account = await client.evalsha(sha, 1, prefix, accounts, limit, id, leaseMs);
    if (typeof account !== 'string') throw new Error('the loop found no free account');
    await client.zrem(account, id);
  };
  return {
    name: options.name,
    round: (seconds) => measurePairs(redis, { workers, pair }, seconds),
  };
}
