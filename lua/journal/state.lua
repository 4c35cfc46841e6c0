-- The few numbers of a session, and when it is looked at next. `version` counts what has been taken from
-- the buffer: an append does not move it. `fence` is the highest lane that has looked. `asked` is the
-- number of the last message that a model has judged, `last` that of the last one that came.
local FIELDS = { 'version', 'fence', 'last', 'asked', 'failures', 'not_before', 'cells' }

--- A version begins at the time in us: beyond all that was told of a session that was deleted.
function state.begin()
  local raw = redis.call('HMGET', key_journal_head, unpack(FIELDS))
  state.exists = raw[1] and true
  for i = 1, #FIELDS do
    state[FIELDS[i]] = tonumber(raw[i] or '') or 0
  end
  if not state.exists then
    state.version = settings.clock * 1000
  end
  state.buffered = redis.call('XLEN', key_journal_buffer)
end

--- Whether a model is to be asked: enough has gathered, and enough of it is new since it was asked.
function state.waits_for_cut()
  return state.buffered >= settings.min_messages
    and state.last - state.asked >= settings.every_messages
end

--- Writes what has changed. All keys of a session come to their end together.
function state.write()
  local words = {}
  for i = 1, #FIELDS do
    words[2 * i - 1], words[2 * i] = FIELDS[i], state[FIELDS[i]]
  end
  redis.call('HSET', key_journal_head, unpack(words))
  redis.call('PEXPIRE', key_journal_head, settings.retention_ms)
  redis.call('PEXPIRE', key_journal_ids, settings.retention_ms)
  redis.call('PEXPIRE', key_journal_buffer, settings.retention_ms)
  redis.call('PEXPIRE', key_journal_cells, settings.retention_ms)
  redis.call('PEXPIRE', key_journal_celled, settings.retention_ms)
  redis.call('ZADD', key_journal_sessions, settings.clock, arg_name, '+inf', SENTINEL.name)
end

--- After a verdict, and after messages have left: due at once, or not any more.
function state.settle_due()
  if state.waits_for_cut() then
    redis.call('ZADD', key_journal_due, settings.clock, arg_name, '+inf', SENTINEL.name)
  else
    redis.call('ZREM', key_journal_due, arg_name)
  end
end
