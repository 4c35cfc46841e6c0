-- What terms have charged to a lease, read from its record (lib/records.lua) into its fields (LEASE)
-- once, when it ends. Periods stay in seconds; PACKED.no_period is none.

--- Where the part behind the three texts begins; nil where there is none.
local function tail_of(raw, account)
  local at = PACKED.fixed + 2 + #account
  for _ = 1, 2 do
    local length = string.byte(raw, at)
    if not length then
      return nil
    end
    at = at + 1 + length
  end
  return at + 8 <= #raw and at or nil
end

--- Fills in the grant's time, reserve, tokens, periods, state, and the pool of the flow (false for
--- none) with the ms that it was charged.
function charges.read(lease)
  local raw = lease[LEASE.raw]
  lease[LEASE.granted_at], lease[LEASE.reserve], lease[LEASE.tokens], lease[LEASE.period],
    lease[LEASE.state] = struct.unpack('<ddI4I4B', raw, PACKED.granted_at + 1)
  lease[LEASE.tenant_period], lease[LEASE.charged], lease[LEASE.pool] = PACKED.no_period, 0, false
  local at = tail_of(raw, lease[LEASE.account])
  if at then
    local named
    lease[LEASE.tenant_period], lease[LEASE.charged], named = struct.unpack('<I4I4B', raw, at)
    lease[LEASE.pool] = named > 0 and string.sub(raw, at + 9, at + 8 + named)
  end
end

--- The tokens that the request was estimated at.
function charges.tokens(lease)
  return (struct.unpack('<I4', lease[LEASE.raw], PACKED.granted_at + 17))
end
