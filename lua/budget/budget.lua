-- Rule: settled + reserved + this reserve never passes `stop` at admission, neither of the cell's budget
-- nor of the tenant's. The reservation is the lease's: settled once, at its end, in its own period.
--   with a cost      at that cost, even past `stop` (what lies above the reserve is `overrun`)
--   without one      at the reserve; a reaped lease so is *presumed*, until its holder tells better
--   never claimed    at 0, unless its holder tells a cost
local policy, all, period -- of the cell's budget: its entry and its period; `all` is nil without one

function budget.begin()
  policy, all, period = ledger.policy(), nil, nil
  if policy.period > 0 then
    all, period = ledger.current(ledger.all, policy.period)
  end
end

--- The ms until a period is over; 0 for never.
local function rest_of(one)
  return one.last < math.huge and one.last - cell.now or 0
end

function budget.admit(op, tenant)
  local reserve, after_ms = operations.batch[op + OP.reserve], nil
  if all and all.settled + all.reserved + reserve > policy.stop then
    after_ms = rest_of(period)
  end
  if tenant and tenant[TENANT.period] > 0 then
    local own, own_period = ledger.current(tenant[TENANT.name], tenant[TENANT.period])
    if own.settled + own.reserved + reserve > tenant[TENANT.stop] then
      after_ms = math.max(after_ms or 0, rest_of(own_period))
    end
  end
  if after_ms then
    return REASON.budget_stop, after_ms, false
  end
end

local function reserve_in(entry, reserve, warn, stop)
  entry.reserved, entry.requests = entry.reserved + reserve, entry.requests + 1
  ledger.changed(entry)
  if entry.warned or entry.settled + entry.reserved > warn then
    alarms.watch(entry, reserve, warn, stop)
  end
end

function budget.charge(lease, _, op, tenant)
  local reserve = operations.batch[op + OP.reserve]
  if all then
    reserve_in(all, reserve, policy.warn, policy.stop)
    lease[LEASE.period] = period.first / 1000
  end
  if tenant and tenant[TENANT.period] > 0 then
    local own, own_period = ledger.current(tenant[TENANT.name], tenant[TENANT.period])
    reserve_in(own, reserve, tenant[TENANT.warn], tenant[TENANT.stop])
    lease[LEASE.tenant_period] = own_period.first / 1000
  end
end

local function cost_of(lease, op)
  if op and uses.tells_cost(op) then
    local cost = operations.batch[op + OP.reserve]
    return cost < LEDGER.most_cost and cost or LEDGER.most_cost, false
  elseif lease[LEASE.state] == STATE.granted then
    return 0, false
  end
  return lease[LEASE.reserve], op == nil
end

function budget.settle(lease, _, op)
  local first, own_first, reserve = lease[LEASE.period], lease[LEASE.tenant_period], lease[LEASE.reserve]
  if first == PACKED.no_period and own_first == PACKED.no_period then
    return
  end
  local cost, presumed = cost_of(lease, op)
  if first ~= PACKED.no_period then
    ledger.settle(ledger.of(ledger.all, first * 1000), reserve, cost, presumed)
  end
  if own_first ~= PACKED.no_period then
    ledger.settle(ledger.of(lease[LEASE.tenant], own_first * 1000), reserve, cost, presumed)
  end
  spend.book(lease[LEASE.tenant], uses.place_of(op), cost)
end
