-- Rule: settled + reserved + this reserve never passes `stop` at admission, neither of the cell's
-- budget nor of the tenant's. The reservation is the lease's: it is settled once, at the lease's
-- end, in the period in which it was made.
--   with a cost      at that cost, even past `stop` (what lies above the reserve is `overrun`)
--   without one      at the reserve; a reaped lease so is *presumed*, until its holder tells better
--   never claimed    at 0
local EVERYBODY = ledger.all

--- The ms until the period of a kind is over (0: never) where its account has no room for `reserve`.
local function wait_of(scope, kind, stop, reserve)
  local period = ledger.period(kind)
  local entry = ledger.of(scope, period.first)
  if entry.settled + entry.reserved + reserve > stop then
    return period.last < math.huge and period.last - cell.now or 0
  end
end

function budget.admit(op, tenant)
  local reserve, all_wait, own_wait = operations.batch[op + OP.reserve], nil, nil
  if cell.is_budgeted then
    local policy = ledger.policy()
    all_wait = wait_of(EVERYBODY, policy.period, policy.stop, reserve)
  end
  if tenant and tenant[TENANT.period] > 0 then
    own_wait = wait_of(tenant[TENANT.name], tenant[TENANT.period], tenant[TENANT.stop], reserve)
  end
  if all_wait or own_wait then
    return REASON.budget_stop, math.max(all_wait or 0, own_wait or 0), false
  end
end

--- Reserves under a scope; returns the period's first second.
local function reserve_under(scope, kind, reserve, warn, stop)
  local first = ledger.period(kind).first
  local entry = ledger.of(scope, first)
  entry.reserved, entry.requests = entry.reserved + reserve, entry.requests + 1
  ledger.changed(entry)
  alarms.watch(entry, reserve, warn, stop)
  return first / 1000
end

function budget.charge(lease, _, op, tenant)
  local reserve = operations.batch[op + OP.reserve]
  if cell.is_budgeted then
    local policy = ledger.policy()
    lease[LEASE.period] =
      reserve_under(EVERYBODY, policy.period, reserve, policy.warn, policy.stop)
  end
  if tenant and tenant[TENANT.period] > 0 then
    lease[LEASE.tenant_period] = reserve_under(tenant[TENANT.name], tenant[TENANT.period], reserve,
      tenant[TENANT.warn], tenant[TENANT.stop])
  end
end

local function cost_of(lease, op)
  if lease[LEASE.state] == STATE.granted then
    return 0, false
  elseif op and uses.tells_cost(op) then
    local cost = operations.batch[op + OP.reserve]
    return cost < LEDGER.most_cost and cost or LEDGER.most_cost, false
  end
  return lease[LEASE.reserve], op == nil
end

function budget.settle(lease, _, op)
  local all, own, reserve = lease[LEASE.period], lease[LEASE.tenant_period], lease[LEASE.reserve]
  if all == PACKED.no_period and own == PACKED.no_period then
    return
  end
  local cost, presumed = cost_of(lease, op)
  if all ~= PACKED.no_period then
    ledger.settle(ledger.of(EVERYBODY, all * 1000), reserve, cost, presumed)
  end
  if own ~= PACKED.no_period then
    ledger.settle(ledger.of(lease[LEASE.tenant], own * 1000), reserve, cost, presumed)
  end
  spend.book(lease[LEASE.tenant], uses.place_of(op), cost)
end
