-- Waiters whose records cannot be decoded: set aside like a lease's, when their turn or their deadline
-- comes. They hold up nobody, neither in a line nor in a lane.

--- Nothing for an id that has no record.
function unreadable.set_aside(id)
  local raw = redis.call('HGET', key_waiters, id)
  if not raw then
    return
  end
  redis.call('HSET', key_set_aside, id, raw)
  redis.call('HDEL', key_waiters, id)
  timers.clear('d', id)
  cell.count_waiters(-1)
  -- Its record does not tell its lane any more: all of them are looked at, once for such a record.
  local lane = lane_owners.find(id)
  if lane then
    lanes.left(lane, id)
  end
end

--- The same of one that has a place in the line.
function unreadable.discard(flow, demand, id, place)
  redis.call('ZREM', key_line, place)
  flows.leave(flow, demand)
  unreadable.set_aside(id)
end
