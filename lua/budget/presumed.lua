-- Costs that were presumed because the holder died: its lease was settled at the reserve. Should it
-- tell its cost after all, the difference counts, once.

local function ms_of(period)
  return period == PACKED.no_period and -1 or period * 1000
end

--- What a late release needs to correct a presumed cost, kept with the finished id.
function presumed.tail(lease)
  local period, tenant_period = ms_of(lease[LEASE.period]), ms_of(lease[LEASE.tenant_period])
  if period < 0 and tenant_period < 0 or lease[LEASE.state] == STATE.granted then
    return ''
  end
  return struct.pack('<dddd', lease[LEASE.fence], lease[LEASE.reserve], period, tenant_period)
end

--- The holder of a reaped lease tells its cost after all: the difference counts once.
function presumed.correct(id, presumption, op)
  local fence, reserve, period, tenant_period = struct.unpack('<dddd', presumption)
  if fence ~= operations.batch[op + OP.fence] or not uses.tells_cost(op) then
    return false
  end
  local cost, tenant = operations.batch[op + OP.reserve], tenants.name_in(id)
  for scope, first in pairs({ [ledger.all] = period, [tenant] = tenant_period }) do
    if first >= 0 then
      local entry = ledger.of(scope, first)
      ledger.settle(entry, 0, cost - reserve, false)
      entry.presumed = math.max(0, entry.presumed - reserve)
    end
  end
  spend.book(tenant, uses.place_of(nil), -reserve)
  spend.book(tenant, uses.place_of(op), cost)
  return true
end
