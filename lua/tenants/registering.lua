-- What a change of terms does to what is counted and who waits. For scripts that register terms; it
-- reads the leases of the whole cell, which the heart never does.

--- Slots that a tenant holds: its leases that terms have something to remember of. Others began
--- before it had any, and end without being counted.
local function held_by(names)
  local held, all = {}, redis.call('HGETALL', key_requests)
  for i = 1, #all, 2 do
    local name = string.match(all[i], '^[^/]*')
    if names[name] and math.floor((string.byte(all[i + 1], 2) or 0) / ACQUIRE.bound) % 2 == 1 then
      held[name] = (held[name] or 0) + 1
    end
  end
  return held
end

--- Tenants that are new count what they hold already.
function registering.count(names)
  if not next(names) then
    return
  end
  local held = held_by(names)
  for name in pairs(names) do
    redis.call('HSET', key_tenant_state, name,
      struct.pack('<I4ddB', held[name] or 0, 0, 0, 0))
  end
end

--- Whoever waits may be let in by the new terms: the next tick looks again.
function registering.look_again(name)
  redis.call('ZADD', key_timers, 0, 't' .. name)
end
