-- What terms have charged to a lease, read from its record (lib/records.lua) into its fields (LEASE)
-- once, when it ends. Periods stay in seconds; PACKED.no_period is none.

local byte, sub, unpack_from

--- While a library is loaded, Lua's own libraries are not there yet.
function charges.begin()
  byte, sub, unpack_from = string.byte, string.sub, struct.unpack
end

--- Where the part behind the three texts begins; nil where there is none.
local function tail_of(raw, account)
  local at = PACKED.fixed + 2 + #account
  at = at + 1 + (byte(raw, at) or 0)
  at = at + 1 + (byte(raw, at) or 0)
  return at + 8 <= #raw and at or nil
end

--- Fills in the grant's time, reserve, tokens, periods, state, and the pool of the flow (false for
--- none) with the ms that it was charged (PACKED.uncharged: it was not counted there).
function charges.read(lease)
  local raw = lease[LEASE.raw]
  lease[LEASE.granted_at], lease[LEASE.reserve], lease[LEASE.tokens], lease[LEASE.period],
    lease[LEASE.state] = unpack_from('<ddI4I4B', raw, PACKED.granted_at + 1)
  lease[LEASE.tenant_period], lease[LEASE.charged], lease[LEASE.pool] = PACKED.no_period, 0, false
  local at = tail_of(raw, lease[LEASE.account])
  if at then
    local named
    lease[LEASE.tenant_period], lease[LEASE.charged], named = unpack_from('<I4I4B', raw, at)
    lease[LEASE.pool] = named > 0 and sub(raw, at + 9, at + 8 + named)
  end
end

--- The tokens that the request was estimated at.
function charges.tokens(lease)
  return (struct.unpack('<I4', lease[LEASE.raw], PACKED.granted_at + 17))
end

--- What a lease remembers of its session (sessions/sessions.lua), or ''.
function charges.session(lease)
  local raw, at = lease[LEASE.raw], PACKED.fixed + 1
  for _ = 1, 2 do
    at = at + 1 + (string.byte(raw, at) or 0)
  end
  return string.sub(raw, at + 1, at + (string.byte(raw, at) or 0))
end
