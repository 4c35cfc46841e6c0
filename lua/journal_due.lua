--- Hands out sessions whose cut is due, each to one caller: should that one die, it is due again when its
--- claim has ended. Forgets the names of sessions that have been forgotten.
---
--- @entry journal_due
--- @key journal_sessions ZSET "tenant/digest" -> cell time of its last write
--- @key journal_due ZSET "tenant/digest" -> cell time at which a cut is to be tried
--- @arg head packed clock (negative: the server's), sessions at most, ms of a claim, ms for which a session is kept
--- @reply names

local clock, most, claim_ms, retention_ms = struct.unpack('<dddd', arg_head)
if clock < 0 then
  local time = redis.call('TIME')
  clock = time[1] * 1000 + math.floor(time[2] / 1000)
end

--- Messages of a session end by themselves that long after its last write; a little later their names.
local late_ms = 60000
local forgotten = clock - retention_ms - late_ms
local gone = redis.call('ZRANGEBYSCORE', key_journal_sessions, '-inf', forgotten, 'LIMIT', 0, most)
for i = 1, #gone do
  redis.call('ZREM', key_journal_sessions, gone[i])
  redis.call('ZREM', key_journal_due, gone[i])
end

local due = redis.call('ZRANGEBYSCORE', key_journal_due, '-inf', clock, 'LIMIT', 0, most)
for i = 1, #due do
  redis.call('ZADD', key_journal_due, clock + claim_ms, due[i])
end
return due
