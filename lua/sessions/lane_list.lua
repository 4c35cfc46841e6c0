-- Who stands behind the owner of a lane: "s", lane, order, id in the one sorted set of all lines.
-- Who owns the lane, and what becomes of it, is lanes.lua's.
local function list_of(lane)
  return 's' .. lane .. '\t'
end

local function place_of(waiter)
  return list_of(waiter.session.name) .. waiter.session.order .. waiter.id
end

--- Behind all that have arrived by now.
function lane_list.order_at(arrived)
  return string.format('%015.0f%08.0f', arrived, cell.next_arrival())
end

function lane_list.join(waiter)
  waiter.state = WAITING.laned
  redis.call('ZADD', key_line, 0, place_of(waiter))
end

waiters.leave[WAITING.laned] = function(waiter)
  redis.call('ZREM', key_line, place_of(waiter))
end

--- The waiter at the head of the lane's list, or nil; entries of nobody are taken out.
function lane_list.first(lane)
  if cell.waiting == 0 then
    return nil
  end
  local list = list_of(lane)
  while true do
    local entry = redis.call('ZRANGEBYLEX', key_line, '[' .. list, '(' .. list .. '~', 'LIMIT', 0, 1)[1]
    local waiter = entry and waiters.get(string.sub(entry, #list + WAITERS.order + 1))
    if not entry or waiter and waiter.state == WAITING.laned then
      return waiter
    end
    redis.call('ZREM', key_line, entry)
  end
end

--- How many stand before the waiter, the owner not counted, and itself.
function lane_list.position(waiter)
  local list = list_of(waiter.session.name)
  return redis.call('ZLEXCOUNT', key_line, '[' .. list, '[' .. place_of(waiter))
end
