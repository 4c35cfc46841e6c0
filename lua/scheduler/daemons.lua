-- The daemons of the cell: when each ticked last. One that is gone for long is forgotten together
-- with its kept replies.

function daemons.commit()
  redis.call('ZADD', key_daemons, cell.now, arg_daemon)
  if operations.count() > 0 then
    return
  end
  local gone = redis.call('ZRANGEBYSCORE', key_daemons, '-inf', cell.now - REPLIES.forget_ms,
    'LIMIT', 0, REPLIES.forget_most)
  local slots = {}
  for i = 1, #gone do
    for slot = 0, REPLIES.kept - 1 do
      slots[#slots + 1] = gone[i] .. ':' .. slot
    end
  end
  commit.write('ZREM', key_daemons, gone)
  commit.write('HDEL', key_replies, slots)
end
