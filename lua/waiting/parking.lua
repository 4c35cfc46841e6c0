-- Waiters that are not looked at for a while: those of a daemon that does not listen, and those of a
-- tenant that may get nothing. Both keep their places.

--- Its daemon does not listen: it keeps its place, and is out of everybody's way.
function parking.park(waiter)
  waiters.leave[waiter.state](waiter)
  local was = waiter.state
  waiter.state = WAITING.parked
  redis.call('ZADD', key_line, 0, 'p' .. waiter.daemon .. '\t' .. waiters.line_of(waiter))
  waiters.write(waiter)
  if was ~= WAITING.laned then
    sessions.left(waiter)
  end
end

--- The calling daemon listens again: its waiters go back to their places, some in each tick;
--- `parking.more` tells that others are left.
function parking.unpark()
  parking.more = false
  if cell.waiting == 0 then
    return
  end
  local list = 'p' .. arg_daemon .. '\t'
  local entries =
    redis.call('ZRANGEBYLEX', key_line, '[' .. list, '(' .. list .. '~', 'LIMIT', 0, WAITING.unpark)
  for i = 1, #entries do
    local waiter = waiters.get(string.match(entries[i], '\t.-\t' .. string.rep('.', 27) .. '(.*)'))
    redis.call('ZREM', key_line, entries[i])
    if waiter and waiter.state == WAITING.parked then
      waiters.enqueue(waiter)
      waiters.write(waiter)
    end
  end
  parking.more = #entries == WAITING.unpark
end

--- Calls `each` with every flow of the tenant that has waiters in line.
local function each_flow(name, each)
  local line = 'q' .. name .. '\t'
  local from, last = '[' .. line, '(' .. line .. '~'
  while true do
    local first = redis.call('ZRANGEBYLEX', key_line, from, last, 'LIMIT', 0, 1)[1]
    if not first then
      return
    end
    local demand = tonumber(string.sub(first, #line + 1, #line + 4), 16)
    local waiter = waiters.get(string.sub(first, #line + WAITERS.order + 5))
    if waiter then
      each(waiters.flow_of(waiter))
    end
    from = string.format('[%s%04x', line, demand + 1)
  end
end

--- The tenant may get nothing for a while: none of its waiters is looked at. `after_ms` is 0 where
--- the end of one of its leases will change that.
function parking.block(tenant, after_ms)
  tenant[TENANT.blocked] = true
  tenants.changed(tenant)
  each_flow(tenant[TENANT.name], function(flow) flows.set_ready(flow, false) end)
  if after_ms > 0 then
    timers.set('t', tenant[TENANT.name], cell.now + math.ceil(after_ms))
  end
end

function parking.unblock(tenant)
  tenant[TENANT.blocked] = false
  tenants.changed(tenant)
  each_flow(tenant[TENANT.name], function(flow) flows.set_ready(flow, true) end)
end

--- Its rates have refilled, or its terms have changed: it may have none any more.
timers.due.t = function(name)
  local tenant = tenants.get(name)
  if tenant then
    parking.unblock(tenant)
  elseif cell.waiting > 0 then
    each_flow(name, function(flow) flows.set_ready(flow, true) end)
  end
end

--- Nobody has claimed the grant: its daemon does not listen, and its waiters are not looked at
--- before it ticks again.
timers.due.c = function(id)
  local waiter = waiters.get(id)
  if waiter and waiter.state == WAITING.granted then
    endings.take_back(id)
    daemons.is_deaf(waiter.daemon)
    parking.park(waiter)
    -- Its deadline may have passed while it was granted.
    timers.set('d', id, waiter.deadline)
  end
end
