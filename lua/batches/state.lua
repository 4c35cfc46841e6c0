-- The state of one batch: validating, in_progress, cancelling, finalizing; then it has ended as completed,
-- failed, expired or cancelled, holds its input no more, and is kept for a time.
local ENDED = { completed = true, failed = true, expired = true, cancelled = true }

function state.begin()
  local told
  told, state.keep_ms, state.ahead, state.first, state.second, state.third = struct.unpack('<dddddd', arg_head)
  state.clock = server_clock.ms(told)
end

--- Lua writes large numbers with an exponent.
function state.text(n)
  return string.format('%.0f', n)
end

function state.get(field)
  return redis.call('HGET', key_batch, field)
end

function state.number(field)
  return tonumber(state.get(field) or '0')
end

function state.place()
  return table.concat({ state.get('tenant'), state.text(state.number('created_at')), arg_id }, '\t')
end

function state.look(at)
  redis.call('ZADD', key_batches_due, state.text(at), arg_id)
end

function state.is_running()
  local now = state.get('state')
  return now == 'in_progress' or now == 'cancelling'
end

function state.is_open()
  local now = state.get('state')
  return now and not ENDED[now]
end

--- Whoever sees to batches has something to do now.
function state.enter(name)
  redis.call('HSET', key_batch, 'state', name, name .. '_at', state.text(state.clock))
  state.look(state.clock)
end

local function lose(key_structure, field)
  if redis.call('HINCRBY', key_structure, field, -1) <= 0 then
    redis.call('HDEL', key_structure, field)
  end
end

function state.finish(name)
  state.enter(name)
  state.look(state.clock + state.keep_ms)
  lose(key_batches_open, state.get('tenant'))
  if redis.call('HEXISTS', key_file, 'holds') == 1 then
    lose(key_file, 'holds')
  end
  redis.call('UNLINK', key_batch_lines)
end
