-- A run of acquires, in one loop. An id that was made just now needs no look at what is held under
-- it; under no terms (tenants', budgets', of a queue) no more than the choice and a lease. Any other
-- acquire goes its whole way (acquire.lua).
local begin_plain = requests.begin_plain

--- Begins a lease under no terms; returns its expiry.
local function begin(op, id, slot, account, model, fence)
  local expires_at = cell.now + operations.batch[op + OP.lease_ms]
  local lease = begin_plain(op, id, slot, model, fence, account[ACCOUNT.name])
  expiry.watch(id, expires_at)
  rules.charge(lease, account, op)
  return expires_at
end

--- Returns whether the `i`-th operation got a slot.
local function take(i, op, id, slot, targets)
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

local function is_under_terms()
  return cell.tenants > 0 or cell.is_budgeted or cell.waiting > 0
end

operations.runs[KIND.acquire] = function(list, at, length)
  local batch, held, slot_of, demands = operations.batch, requests.held, operations.slots, choice.demands
  local may_grant, is_plain = variant ~= 'tick_oom', cell.now >= cell.recover_until and not is_under_terms()
  while at <= length do
    local i = list[at]
    local op, id = (i - 1) * OP.fields, arg_id(i)
    if batch[op + OP.kind] ~= KIND.acquire then
      break
    end
    local slot, targets = slot_of[id], demands[batch[op + OP.demand]]
    -- Nothing is held under an id that was made just now, unless this batch holds it.
    local is_new = may_grant and targets and held[slot] == nil
      and batch[op + OP.flags] % 2 == ACQUIRE.fresh and batch[op + OP.lease_ms] >= 1
    if not (is_new and is_plain and take(i, op, id, slot, targets)) then
      operations.set_current(i)
      local go = is_new and acquire.decide or acquire.execute
      go(op, id, slot, targets)
      -- From now on somebody may wait.
      is_plain = is_plain and not is_under_terms()
    end
    at = at + 1
  end
  return at
end
