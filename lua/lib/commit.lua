-- Flushes what the batch has changed with one variadic command a structure, and makes the reply.
-- Nothing here can fail for a reason of the caller's: all of that was checked before.

--- One variadic command, where there is anything to say.
function commit.write(command, key, words)
  if #words > 0 then
    redis.call(command, key, unpack(words))
  end
end

--- The younger generation grows old by time or by number; the older one is forgotten.
local function rotate_finished()
  if cell.now < cell.rotate_at and redis.call('HLEN', key_finished) < head.remember_max then
    return
  end
  redis.call('UNLINK', key_finished_before)
  redis.call('RENAME', key_finished, key_finished_before)
  redis.call('HSET', key_finished, SENTINEL.name, 0)
  cell.rotate_at = cell.now + head.remember_ms
end

local function remember(reply)
  if operations.count() > 0 then
    redis.call('HSET', key_replies, arg_daemon .. ':' .. head.batch % REPLIES.kept,
      struct.pack('<d', head.batch) .. cmsgpack.pack(reply))
  end
end

function commit.run()
  local set_aside, ended = requests.commit()
  if ended > 0 then
    rotate_finished()
  end
  accounts.commit()
  rules.commit()
  expiry.commit()
  daemons.commit()
  cell.commit()
  local reply = { 'ok', cell.now, cell.incarnation, cell.sequence, expiry.more, expiry.reaped,
    cell.overage, set_aside, operations.answers() }
  remember(reply)
  return reply
end
