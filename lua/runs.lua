--- Remembers the provider of each run: the first one that is told stays. Holds no more than `most`
--- runs: beyond that the longest unused are forgotten.
---
--- @entry runs
--- @key runs HASH digest of tenant and run -> provider
--- @key runs_used ZSET the same digest -> ms of its last use, rounded down
--- @arg head packed most, ms by which a last use may be late, clock (negative: the server's own)
--- @arg digest string 32 bytes
--- @arg provider string the provider to remember; empty to look only
--- @reply provider the one that is remembered, or an empty text
--- @include lib/server_clock.lua

local most, late_ms, clock = struct.unpack('<ddd', arg_head)
local forget_most = 10

--- Writes once in `late_ms` and run: requests of a busy run only read.
local function touch()
  local at = math.floor(server_clock.ms(clock) / late_ms) * late_ms
  if tonumber(redis.call('ZSCORE', key_runs_used, arg_digest) or -1) < at then
    redis.call('ZADD', key_runs_used, at, arg_digest)
  end
end

--- A few more than one: the bound may have been lowered.
local function forget_oldest()
  local over = redis.call('HLEN', key_runs) - 1 - most
  if over > 0 then
    local oldest = redis.call('ZPOPMIN', key_runs_used, math.min(over, forget_most))
    for i = 1, #oldest, 2 do
      redis.call('HDEL', key_runs, oldest[i])
    end
  end
end

local known = redis.call('HGET', key_runs, arg_digest)
if known then
  touch()
  return known
end
if arg_provider == '' then
  return ''
end
redis.call('HSET', key_runs, arg_digest, arg_provider, SENTINEL.name, '')
redis.call('ZADD', key_runs_used, '+inf', SENTINEL.name)
touch()
forget_oldest()
return arg_provider
