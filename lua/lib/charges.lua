-- What rules have charged to a lease, read from its record (lib/records.lua).

local function tail_of(raw)
  local at = PACKED.fixed + 1
  for _ = 1, 3 do
    local length = string.byte(raw, at)
    if not length then
      return nil
    end
    at = at + 1 + length
  end
  return at + 8 <= #raw and at or nil
end

local function ms_of(period)
  return period == PACKED.no_period and -1 or period * 1000
end

--- The reserve and the first ms of the periods (the cell's, the tenant's) that it was made in.
function charges.reservation(lease)
  local raw = lease[LEASE.raw]
  local reserve, _, period = struct.unpack('<dI4I4', raw, PACKED.reserve + 1)
  local at = tail_of(raw)
  return reserve, ms_of(period), at and ms_of(struct.unpack('<I4', raw, at)) or -1
end

--- The pool of the flow, the ms that it was charged, the ms since the grant; nil where none was.
function charges.share(lease, now)
  local raw = lease[LEASE.raw]
  local at = tail_of(raw)
  if not at or string.byte(raw, at + 8) == 0 then
    return nil
  end
  local charged, pool = struct.unpack('<I4Bc0', raw, at + 4)
  return pool, charged, now - struct.unpack('<d', raw, PACKED.reserve - 7)
end

function charges.tokens(lease)
  return (struct.unpack('<I4', lease[LEASE.raw], PACKED.reserve + 9))
end
