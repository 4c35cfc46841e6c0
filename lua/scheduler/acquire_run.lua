-- A run of acquires. Where nobody waits, an id that was made just now needs no more than its terms, if
-- any, the choice and a lease; any other, and whoever gets nothing here, goes the whole way
-- (acquire.lua).

--- Whether the `i`-th operation got a slot, under terms.
local function take_bound(i, op, id, slot, targets)
  local tenant = tenants.get(tenants.name_in(id))
  if terms.admit(op, tenant) then
    return false
  end
  local account, number = choice.pick(targets)
  if not account then
    return false
  end
  local fence, target = cell.next_fence(), targets[number]
  local _, expires_at = leases.begin(op, id, slot, account, target, fence, tenant, targets.home)
  operations.answered[i] = operations.packed(TAG.granted, number - 1, target.model,
    account[ACCOUNT.index], fence, expires_at)
  operations.set_current(i)
  operations.tell_limits(tenant)
  return true
end

--- Executes the acquire at `list[at]`, or a run of them; returns where it ended.
local function step(list, at, length, may_take, is_bound)
  local i, batch = list[at], operations.batch
  local op, id, to = (i - 1) * OP.fields, arg_id(i), at
  local slot, targets = operations.slots[id], choice.demands[batch[op + OP.demand]]
  local lease_ms = batch[op + OP.lease_ms]
  -- Nothing is held under an id that was made just now, unless this batch holds it.
  local is_new = may_take and targets and requests.held[slot] == nil
    and batch[op + OP.flags] % ACQUIRE.priority == ACQUIRE.fresh and lease_ms >= 1
  if is_new and not is_bound and targets[1] then
    to = alike.grant(list, at, length, targets, cell.now + lease_ms)
  end
  if to == at and not (is_new and is_bound and take_bound(i, op, id, slot, targets)) then
    operations.set_current(i)
    acquire.execute(op, id, slot, targets)
  end
  return math.max(to, at + 1)
end

operations.runs[KIND.acquire] = function(list, at, length)
  local is_bound = cell.tenants > 0 or cell.is_budgeted
  local may_take = variant ~= 'tick_oom' and cell.now >= cell.recover_until
  while at <= length and operations.batch[(list[at] - 1) * OP.fields + OP.kind] == KIND.acquire do
    at = step(list, at, length, may_take and cell.waiting == 0, is_bound)
  end
  return at
end
