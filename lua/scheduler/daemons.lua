-- The daemons of the cell: when each ticked last. One that is gone for long is forgotten together
-- with its kept replies.

function daemons.commit()
  redis.call('ZADD', key_daemons, cell.now, arg_daemon)
  if operations.count() > 0 then
    return
  end
  local gone = redis.call('ZRANGEBYSCORE', key_daemons, '-inf', cell.now - REPLIES.forget_ms,
    'LIMIT', 0, REPLIES.forget_most)
  commit.write('ZREM', key_daemons, gone)
  replies.forget(gone)
end
