-- renew: a held lease lives on. register: a holder brings back a lease that the store has lost.

local function extend_own(op)
  local lease = requests.get(op)
  if not lease or lease[LEASE.fence] ~= op[OP.fence] then
    return false
  end
  operations.answer(TAG.renewed, 0, 0, 0, op[OP.fence], leases.extend(op, lease))
  return true
end

operations.handlers[KIND.renew] = function(op)
  if not extend_own(op) then
    operations.say(TAG.lost)
  end
end

--- The account and the target of a line of `holdings`, as far as the registry knows them.
local function holding(number)
  local at = 0
  for line in string.gmatch(arg_holdings, '[^\n]+') do
    at = at + 1
    if at == number then
      local name, target = string.match(line, '^([^\t]+)\t(.+)$')
      local raw = target and redis.call('HGET', key_targets, target)
      return name and accounts.get(name), raw and records.read_target(raw)
    end
  end
end

--- Whether the store may have lost the lease. Not so for a fence of this incarnation, or for an id
--- that has ended: the slot may be somebody else's by now.
local function may_be_lost(op)
  return op[OP.fence] < cell.incarnation * FENCE.per_incarnation
    and not requests.get(op) and operations.is_id(op[OP.id]) and not requests.find_ended(op)
end

--- Over the limit if need be (overage).
operations.handlers[KIND.register] = function(op)
  if extend_own(op) then
    return
  end
  local account, target = holding(op[OP.demand])
  if not account or not target or not may_be_lost(op) then
    return operations.say(TAG.lost)
  end
  if account[ACCOUNT.in_flight] >= account[ACCOUNT.limit] then
    cell.overage = cell.overage + 1
  end
  local lease = leases.begin(op, account, target, op[OP.fence])
  operations.answer(TAG.renewed, 0, target.model, account[ACCOUNT.index], op[OP.fence],
    lease[LEASE.expires_at])
end
