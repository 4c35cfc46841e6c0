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

--- One event a crossing; the next one can come only after the sum has fallen well below.
local function watch(entry, reserve, warn, stop)
  local before = entry.settled + entry.reserved - reserve
  local warned = entry.warned and before >= warn * LEDGER.calm
  if not warned and warn >= 0 and before + reserve > warn then
    warned = true
    alarms.tell('warn', entry, stop)
  end
  entry.warned = warned
end

function budget.charge(lease, _, op, tenant)
  local reserve = operations.batch[op + OP.reserve]
  if not has_budget(tenant) then
    return
  end
  each_budget(tenant, function(entry, warn, stop, period)
    entry.reserved, entry.requests = entry.reserved + reserve, entry.requests + 1
    ledger.changed(entry)
    watch(entry, reserve, warn, stop)
    if entry.scope == ledger.all then
      lease[LEASE.period] = period.first / 1000
    else
      lease[LEASE.tenant_period] = period.first / 1000
    end
  end)
end

local function apply(entry, reserve, cost, presumed)
  entry.reserved = math.max(0, entry.reserved - reserve)
  entry.settled = math.max(0, entry.settled + cost)
  entry.overrun = entry.overrun + math.max(0, cost - reserve)
  entry.presumed = entry.presumed + (presumed and cost or 0)
  ledger.changed(entry)
end

local function cost_of(lease, op, reserve)
  if records.state(lease) == STATE.granted then
    return 0, false
  end
  if op and uses.tells_cost(op) then
    return operations.batch[op + OP.reserve], false
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
    apply(ledger.of(ledger.all, period), reserve, cost, presumed)
  end
  if tenant_period >= 0 then
    apply(ledger.of(tenants.name_in(id), tenant_period), reserve, cost, presumed)
  end
  spend.book(tenants.name_in(id), uses.spend_line(op), cost)
end

--- What a late release needs to correct a presumed cost, kept with the finished id.
function budget.presumption(lease)
  local reserve, period, tenant_period = charges.reservation(lease)
  if period < 0 and tenant_period < 0 or records.state(lease) == STATE.granted then
    return ''
  end
  return struct.pack('<dddd', lease[LEASE.fence], reserve, period, tenant_period)
end

--- The holder of a reaped lease tells its cost after all: the difference counts once.
function budget.correct(id, presumption, op)
  local fence, reserve, period, tenant_period = struct.unpack('<dddd', presumption)
  if fence ~= operations.batch[op + OP.fence] or not uses.tells_cost(op) then
    return false
  end
  local cost = operations.batch[op + OP.reserve]
  for scope, first in pairs({ [ledger.all] = period, [tenants.name_in(id)] = tenant_period }) do
    if first >= 0 then
      local entry = ledger.of(scope, first)
      apply(entry, 0, cost - reserve, false)
      entry.presumed = math.max(0, entry.presumed - reserve)
    end
  end
  return true
end
