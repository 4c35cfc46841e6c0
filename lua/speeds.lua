--- How fast accounts answer and how often they fail, as all daemons see it: means that forget, moved
--- by what one daemon has seen since it last told.
---
--- @entry speeds
--- @key speeds HASH account -> "first byte ms" double, "part that failed" double, cell time double
--- @arg head packed part of a mean that one request moves, clock (negative: the server's)
--- @arg samples packed an account and a record in turn, each behind its length in two bytes; a record: answered, their ms in all, ended, failed
--- @reply now
--- @include lib/server_clock.lua

local move, clock = struct.unpack('<dd', arg_head)
clock = server_clock.ms(clock)

--- A mean after `n` more, whose own mean is `new`.
local function moved(old, new, n)
  local stays = (1 - move) ^ n
  return old * stays + new * (1 - stays)
end

local function merge(account, answered, ms, ended, failed)
  local raw = redis.call('HGET', key_speeds, account)
  local first_byte, part
  if raw and #raw == 24 then
    first_byte, part = struct.unpack('<dd', raw)
  end
  if answered > 0 then
    first_byte = moved(first_byte or ms / answered, ms / answered, answered)
  end
  if ended > 0 then
    part = moved(part or 0, failed / ended, ended)
  end
  redis.call('HSET', key_speeds, account, struct.pack('<ddd', first_byte or 0, part or 0, clock))
end

redis.call('HSET', key_speeds, SENTINEL.name, '')
local at = 1
while at <= #arg_samples do
  local account, record
  account, record, at = struct.unpack('<I2c0I2c0', arg_samples, at)
  merge(account, struct.unpack('<dddd', record))
end
return clock
