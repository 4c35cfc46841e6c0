-- A run of acquires. Where nobody waits, an id that was made just now needs no more than its terms, if
-- any, the choice and a lease; any other, and whoever gets nothing here, goes the whole way
-- (acquire.lua). Most are alike and under no terms: one loop grants those.

--- Whether the `i`-th operation got a slot.
local function grant_one(i, op, id, slot, targets, is_bound)
  local tenant = is_bound and tenants.get(tenants.name_in(id)) or nil
  local account, number
  if not is_bound or not terms.admit(op, tenant) then
    account, number = choice.pick(targets)
  end
  if not account then
    return false
  end
  local fence, target = cell.next_fence(), targets[number]
  local _, expires_at = leases.begin(op, id, slot, account, target, fence, tenant, targets.home)
  operations.answered[i] = operations.packed(TAG.granted, number - 1, target.model,
    account[ACCOUNT.index], fence, expires_at)
  if tenant then
    operations.set_current(i)
    operations.tell_limits(tenant)
  end
  return true
end

--- Grants acquires like the first one, under no terms and from one class; returns where it stopped.
local function grant_alike(list, at, length, first, class, model)
  local batch, held, slots, answers = operations.batch, requests.held, operations.slots, operations.answered
  local remembered, puts, n = requests.open()
  local demand, lease_ms, flags = batch[first + OP.demand], batch[first + OP.lease_ms], batch[first + OP.flags]
  local now, expires_at, from = cell.now, cell.now + lease_ms, at
  local take, plain, pack, ids = taking.take, records.plain, struct.pack, expiry.ids_at(expires_at)
  while at <= length and health.asides == 0 do
    local i = list[at]
    local op, id = (i - 1) * OP.fields, arg_id(i)
    local slot = slots[id]
    local account = batch[op + OP.demand] == demand and batch[op + OP.flags] == flags
      and batch[op + OP.kind] == KIND.acquire and batch[op + OP.lease_ms] == lease_ms
      and held[slot] == nil and take(class)
    if not account then
      break
    end
    local fence = cell.next_fence()
    local lease = plain(batch, op, model, fence, now, expires_at, account[ACCOUNT.name])
    held[slot], remembered[id], puts[n + 1], puts[n + 2] = lease, lease, id, lease[LEASE.raw]
    n, at, ids[#ids + 1] = n + 2, at + 1, id
    answers[i] = pack('<BBI2I4dd', TAG.granted, 0, model, account[ACCOUNT.index], fence, expires_at)
    rules.charge_others(lease, account, op)
  end
  requests.close(n)
  model_count.count(model, at - from)
  return at
end

--- Executes the acquire at `list[at]`, or a run of them; returns where it ended.
local function step(list, at, length, may_take, is_bound)
  local i, batch = list[at], operations.batch
  local op, id = (i - 1) * OP.fields, arg_id(i)
  local slot, targets = operations.slots[id], choice.demands[batch[op + OP.demand]]
  -- Nothing is held under an id that was made just now, unless this batch holds it.
  local is_new = may_take and targets and requests.held[slot] == nil
    and batch[op + OP.flags] % ACQUIRE.priority == ACQUIRE.fresh and batch[op + OP.lease_ms] >= 1
  local first = is_new and not is_bound and not targets.prefers and targets[1]
  local to = first and first.only and grant_alike(list, at, length, op, first.only, first.model) or at
  if to == at and not (is_new and grant_one(i, op, id, slot, targets, is_bound)) then
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
