--- How long answers are and how much of their input was cached, as all daemons see it: sums that
--- decay by time, moved by what one daemon has seen since it last told. It tells what has changed
--- since the caller last heard, and forgets what was longest unused.
---
--- @entry lengths
--- @key lengths HASH "tenant TAB route TAB model" -> record; "_" -> number of the last change
--- @key lengths_used ZSET the same name -> number of its last change
--- @arg head packed half-life in ms, records kept, number of the last change heard of, changes told at most, clock (negative: the server's)
--- @arg samples packed a name and a record in turn, each behind its length in two bytes
--- @reply now, number heard of with this reply, then names and records in turn
---
--- A record: cell time at which its sums were right, tokens of input, those of them that were cached
--- (doubles), then for each length seen its bucket (a byte) and its weight (a float).
--- @include lib/server_clock.lua

local half_life, most, heard, most_told, clock = struct.unpack('<ddddd', arg_head)
local forget_most = 20
--- Weights below it are noise.
local least = 0.01

clock = server_clock.ms(clock)

--- What is no record counts for nothing, and is written over.
local function add(sums, raw, factor)
  if not raw or #raw < 24 or (#raw - 24) % 5 ~= 0 then
    return
  end
  local _, input, cached = struct.unpack('<ddd', raw)
  sums.input = sums.input + input * factor
  sums.cached = sums.cached + cached * factor
  for at = 25, #raw, 5 do
    local bucket, weight = struct.unpack('<Bf', raw, at)
    sums[bucket] = (sums[bucket] or 0) + weight * factor
  end
end

local function encode(sums)
  local parts = { struct.pack('<ddd', clock, sums.input, sums.cached) }
  for bucket = 0, 255 do
    local weight = sums[bucket]
    if weight and weight >= least then
      parts[#parts + 1] = struct.pack('<Bf', bucket, weight)
    end
  end
  return table.concat(parts)
end

--- A clock that went back decays nothing.
local function decay(raw)
  if not raw or #raw < 8 then
    return 0
  end
  return 0.5 ^ (math.max(0, clock - struct.unpack('<d', raw)) / half_life)
end

local function merge(name, sample, number)
  local raw = redis.call('HGET', key_lengths, name)
  local sums = { input = 0, cached = 0 }
  add(sums, raw, decay(raw))
  add(sums, sample, 1)
  redis.call('HSET', key_lengths, name, encode(sums))
  redis.call('ZADD', key_lengths_used, number, name)
end

--- A few more than one: the bound may have been lowered.
local function forget_unused()
  local over = redis.call('HLEN', key_lengths) - 1 - most
  if over > 0 then
    local oldest = redis.call('ZPOPMIN', key_lengths_used, math.min(over, forget_most))
    for i = 1, #oldest, 2 do
      redis.call('HDEL', key_lengths, oldest[i])
    end
  end
end

--- Begins at the time in us: beyond all that was told before the store lost its data.
local last = tonumber(redis.call('HGET', key_lengths, SENTINEL.name) or '') or clock * 1000
local at = 1
while at <= #arg_samples do
  local name, sample
  name, sample, at = struct.unpack('<I2c0I2c0', arg_samples, at)
  last = last + 1
  merge(name, sample, last)
end
redis.call('HSET', key_lengths, SENTINEL.name, string.format('%.0f', last))
redis.call('ZADD', key_lengths_used, '+inf', SENTINEL.name)
forget_unused()

local from = '(' .. string.format('%.0f', heard)
local limits = { 'WITHSCORES', 'LIMIT', 0, most_told }
local changed = redis.call('ZRANGEBYSCORE', key_lengths_used, from, '(+inf', unpack(limits))
local reply = { clock, last }
for i = 1, #changed, 2 do
  reply[#reply + 1] = changed[i]
  reply[#reply + 1] = redis.call('HGET', key_lengths, changed[i])
end
if #changed == 2 * most_told then
  reply[2] = tonumber(changed[#changed])
end
return reply
