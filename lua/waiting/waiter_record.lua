-- The packed record of a waiter, and what it is as a table. New fields are appended; behind the
-- fixed ones: the pool of its flow, then, of a request with a session, what sessions/sessions.lua
-- packs.
local FORMAT = '<BBI2I4dI4dddc23Bc0Bc0'

--- Whether the texts behind the fixed part are as long as they say.
local function is_whole(raw)
  local daemon = string.byte(raw, WAITERS.fixed - 1)
  local pool = daemon and string.byte(raw, WAITERS.fixed + daemon)
  return pool and #raw >= WAITERS.fixed + daemon + pool
end

--- A waiter, or false for a record that cannot be decoded.
function waiter_record.decode(id, raw)
  if not raw or string.byte(raw, 1) ~= 1 or not is_whole(raw) then
    return false
  end
  local _, state, demand, lease_ms, claim, tokens, reserve, arrived, deadline, order, daemon, pool, at =
    struct.unpack(FORMAT, raw)
  return { id = id, state = state, demand = demand, lease_ms = lease_ms, claim = claim,
    tokens = tokens, reserve = reserve, arrived = arrived, deadline = deadline, order = order,
    daemon = daemon, pool = pool, tenant = tenants.name_in(id),
    session = at <= #raw and sessions.unpack(id, string.sub(raw, at)) or nil }
end

function waiter_record.encode(waiter)
  return struct.pack(FORMAT, 1, waiter.state, waiter.demand, waiter.lease_ms, waiter.claim,
    waiter.tokens, waiter.reserve, waiter.arrived, waiter.deadline, waiter.order, #waiter.daemon,
    waiter.daemon, #waiter.pool, waiter.pool)
    .. (waiter.session and sessions.pack(waiter.session) or '')
end
