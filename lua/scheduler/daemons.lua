-- The daemons of the cell: when each ticked last. One that is gone for long is forgotten together
-- with its kept replies. One that has not ticked for a while, or did not claim a grant since it
-- ticked, does not listen: its waiters are set aside until it ticks again.
local listening -- daemon -> whether it listens, as far as it was asked

function daemons.begin()
  listening = { [arg_daemon] = true }
end

function daemons.listens(name)
  if listening[name] == nil then
    local last = redis.call('ZSCORE', key_daemons, name)
    listening[name] = last and cell.now - tonumber(last) <= head.gap_ms or false
  end
  return listening[name]
end

--- It did not claim a grant in time.
function daemons.is_deaf(name)
  if name ~= arg_daemon then
    listening[name] = false
    redis.call('ZADD', key_daemons, 'XX', cell.now - head.gap_ms - 1, name)
  end
end

function daemons.commit()
  redis.call('ZADD', key_daemons, cell.now_text, arg_daemon)
  if operations.count() > 0 then
    return
  end
  local gone = redis.call('ZRANGEBYSCORE', key_daemons, '-inf', cell.now - REPLIES.forget_ms,
    'LIMIT', 0, REPLIES.forget_most)
  commit.write('ZREM', key_daemons, gone)
  replies.forget(gone)
end
