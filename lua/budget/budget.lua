-- Rule: settled + reserved + this reserve never passes `stop` at admission, neither of the cell's
-- budget nor of the tenant's. The reservation is the lease's: it is settled once, at the lease's
-- end, in the period in which it was made.
--   with a cost      at that cost, even past `stop` (what lies above the reserve is `overrun`)
--   without one      at the reserve; a reaped lease so is *presumed*, until its holder tells better
--   never claimed    at 0

--- Calls `each` with the entry of every budget that the tenant is under, its limits and its period.
local function each_budget(tenant, each)
  local policy = ledger.policy()
  if policy.period > 0 then
    local period = ledger.period(policy.period)
    each(ledger.of(ledger.all, period.first), policy.warn, policy.stop, period)
  end
  if tenant and tenant[TENANT.period] > 0 then
    local period = ledger.period(tenant[TENANT.period])
    each(ledger.of(tenant[TENANT.name], period.first), tenant[TENANT.warn], tenant[TENANT.stop], period)
  end
end

local function has_budget(tenant)
  return ledger.policy().period > 0 or tenant and tenant[TENANT.period] > 0
end

function budget.admit(op, tenant)
  if not has_budget(tenant) then
    return
  end
  local reserve, reason, after_ms = operations.batch[op + OP.reserve], nil, 0
  each_budget(tenant, function(entry, _, stop, period)
    if entry.settled + entry.reserved + reserve > stop then
      reason = REASON.budget_stop
      after_ms = math.max(after_ms, period.last < math.huge and period.last - cell.now or 0)
    end
  end)
  return reason, after_ms, false
end

function budget.charge(lease, _, op, tenant)
  local reserve = operations.batch[op + OP.reserve]
  if not has_budget(tenant) then
    return
  end
  each_budget(tenant, function(entry, warn, stop, period)
    entry.reserved, entry.requests = entry.reserved + reserve, entry.requests + 1
    ledger.changed(entry)
    alarms.watch(entry, reserve, warn, stop)
    if entry.scope == ledger.all then
      lease[LEASE.period] = period.first / 1000
    else
      lease[LEASE.tenant_period] = period.first / 1000
    end
  end)
end

local function cost_of(lease, op, reserve)
  if records.state(lease) == STATE.granted then
    return 0, false
  end
  if op and uses.tells_cost(op) then
    return math.min(operations.batch[op + OP.reserve], LEDGER.most_cost), false
  end
  return reserve, op == nil
end

function budget.settle(lease, _, op, _, id)
  local reserve, period, tenant_period = charges.reservation(lease)
  if period < 0 and tenant_period < 0 then
    return
  end
  local cost, presumed = cost_of(lease, op, reserve)
  if period >= 0 then
    ledger.settle(ledger.of(ledger.all, period), reserve, cost, presumed)
  end
  if tenant_period >= 0 then
    ledger.settle(ledger.of(tenants.name_in(id), tenant_period), reserve, cost, presumed)
  end
  spend.book(tenants.name_in(id), uses.spend_line(op), cost)
end
