-- What an audit asks of those that wait: each has a record and one place, and whoever waits for another
-- account has a lease without one. Writes nothing.
local without_account = {} -- ids of leases that have none just now
local by_state, waiting = {}, 0

function line_check.begin()
  without_account, by_state, waiting = {}, {}, 0
end

--- One lease of all.
function line_check.see_lease(id, lease)
  local state = records.state(lease)
  without_account[id] = state == STATE.moving or state == STATE.moved or nil
end

--- One waiter of all, once all leases were seen.
local function see_waiter(id, raw, compare)
  local state, demand = 0, 0
  if #raw >= 4 then
    state, demand = struct.unpack('<BI2', raw, 2)
  end
  by_state[state], waiting = (by_state[state] or 0) + 1, waiting + 1
  if demand >= DEMANDS.most and demand ~= LANES.demand then
    compare('moving', id, 1, without_account[id] and 1 or 0)
  end
end

--- So many waiters have their places between two texts.
local function compare_places(compare, name, states, from, to)
  local expected = 0
  for _, state in ipairs(states) do
    expected = expected + (by_state[state] or 0)
  end
  compare('waiting', name, expected, redis.call('ZLEXCOUNT', key_line, '[' .. from, '(' .. to))
end

function line_check.run(each, compare)
  each(key_waiters, function(id, raw)
    see_waiter(id, raw, compare)
  end)
  compare('waiting', 'waiters', waiting, tonumber(redis.call('HGET', key_cell, 'waiting') or 0))
  compare_places(compare, 'line', { WAITING.queued, WAITING.parked }, 'p', 'r')
  compare_places(compare, 'laned', { WAITING.laned }, 's', 't')
  compare_places(compare, 'preferring', { WAITING.preferring }, 'a', 'b')
  compare_places(compare, 'moving', { WAITING.moving }, string.format('r%04x', DEMANDS.most), 's')
end
