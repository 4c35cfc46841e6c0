-- A run of acquires, in one loop. Where nobody waits, an id that was made just now needs no more than
-- the terms that it is under, if any, the choice and a lease; any other acquire, and whoever gets
-- nothing here, goes the whole way (acquire.lua).
local begin_plain = requests.begin_plain

--- Begins a lease under no terms; returns its expiry.
local function begin(op, id, slot, account, model, fence)
  local expires_at = cell.now + operations.batch[op + OP.lease_ms]
  local lease = begin_plain(op, id, slot, model, fence, account[ACCOUNT.name])
  expiry.watch(id, expires_at)
  rules.charge(lease, account, op)
  return expires_at
end

--- Returns whether the `i`-th operation got a slot, under no terms.
local function take_plain(i, op, id, slot, targets)
  local account, number = choice.pick(targets)
  if not account then
    return false
  end
  local fence, model = cell.next_fence(), targets[number].model
  local expires_at = begin(op, id, slot, account, model, fence)
  operations.answered[i] =
    struct.pack('<BBI2I4dd', TAG.granted, number - 1, model, account[ACCOUNT.index], fence, expires_at)
  return true
end

--- The same where there are terms.
local function take_bound(i, op, id, slot, targets)
  local tenant = tenants.get(tenants.name_in(id))
  local account, number
  if not terms.admit(op, tenant) then
    account, number = choice.pick(targets)
  end
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

operations.runs[KIND.acquire] = function(list, at, length)
  local batch, held, slot_of, demands = operations.batch, requests.held, operations.slots, choice.demands
  local take = (cell.tenants > 0 or cell.is_budgeted) and take_bound or take_plain
  local may_take = variant ~= 'tick_oom' and cell.now >= cell.recover_until and cell.waiting == 0
  while at <= length do
    local i = list[at]
    local op, id = (i - 1) * OP.fields, arg_id(i)
    if batch[op + OP.kind] ~= KIND.acquire then
      break
    end
    local slot, targets = slot_of[id], demands[batch[op + OP.demand]]
    -- Nothing is held under an id that was made just now, unless this batch holds it.
    local is_new = may_take and targets and held[slot] == nil
      and batch[op + OP.flags] % ACQUIRE.priority == ACQUIRE.fresh and batch[op + OP.lease_ms] >= 1
    if not (is_new and take(i, op, id, slot, targets)) then
      operations.set_current(i)
      acquire.execute(op, id, slot, targets)
      -- From now on somebody may wait.
      may_take = may_take and cell.waiting == 0
    end
    at = at + 1
  end
  return at
end
