-- move: failover. The account that failed comes back with its outcome, and another one serves the same
-- request, in one step. Its tenant's slot, its reservation and its place in the fair shares stay: they
-- are the request's. What an attempt costs (the account's slot and rates) is charged to each.
-- Where nothing is free it is denied, and nothing has changed: the holder still has the old slot.

--- The accounts that the request has tried, this one last.
local function tried(op, lease)
  local list = {}
  for name in string.gmatch(listed.line(arg_excludes, operations.batch[op + OP.exclude]) or '', '[^\t]+') do
    list[#list + 1] = accounts.get(name)
  end
  list[#list + 1] = accounts.get(lease[LEASE.account])
  return list
end

--- The choice among all others. Nothing changes of those in `list`: they lose their room for a moment.
local function pick_without(list, targets)
  local limits = {}
  for i = 1, #list do
    limits[i] = list[i][ACCOUNT.limit]
    list[i][ACCOUNT.limit] = 0
    classes.look_again(list[i])
  end
  local account, number, after_ms = choice.pick(targets)
  for i = #list, 1, -1 do
    list[i][ACCOUNT.limit] = limits[i]
    classes.look_again(list[i])
  end
  return account, number, after_ms
end

local function change(op, id, slot, lease, account, target)
  local batch = operations.batch
  -- Before it has another account: what it used of the old one is settled there.
  rules.settle_all({ lease }, { accounts.get(lease[LEASE.account]) or false }, { op }, 1)
  batch[op + OP.tokens] = charges.tokens(lease)
  records.relocate(lease, account[ACCOUNT.name], target.model, cell.next_fence())
  rules.charge(lease, account, op)
  return leases.extend(op, id, slot, lease)
end

operations.handlers[KIND.move] = function(op, id, slot)
  local lease, targets = requests.get(slot), choice.targets(operations.batch[op + OP.demand])
  if cell.now < cell.recover_until then
    -- Perhaps its holder is about to register it.
    return operations.answer(TAG.denied, REASON.recovering, 0, 0, 0, cell.recover_until - cell.now)
  elseif not lease or lease[LEASE.fence] ~= operations.batch[op + OP.fence] then
    return operations.say(TAG.lost)
  elseif variant == 'tick_oom' then
    return operations.refuse(MISTAKE.out_of_memory)
  elseif not targets or lease[LEASE.account] == '' then
    return operations.refuse(MISTAKE.unknown_demand)
  end
  local account, number, after_ms = pick_without(tried(op, lease), targets)
  if not account then
    return operations.answer(TAG.denied, number, 0, 0, 0, after_ms)
  end
  local expires_at = change(op, id, slot, lease, account, targets[number])
  operations.answer(TAG.moved, number - 1, lease[LEASE.model], account[ACCOUNT.index],
    lease[LEASE.fence], expires_at)
end
