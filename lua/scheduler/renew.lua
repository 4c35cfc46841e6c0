-- renew: a held lease lives on. register: a holder brings back a lease that the store has lost.

local function extend(op, lease)
  operations.answer(TAG.renewed, 0, 0, 0, op.fence, leases.extend(op.id, lease, op.lease_ms))
end

operations.handlers[KIND.renew] = function(op)
  local lease = requests.get(op.id)
  if lease and lease.fence == op.fence then
    return extend(op, lease)
  end
  operations.answer(TAG.lost)
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

--- Over the limit if need be (overage). Never for a fence of this incarnation: that lease was
--- reaped or released here, so its slot may be somebody else's.
operations.handlers[KIND.register] = function(op)
  local lease = requests.get(op.id)
  if lease and lease.fence == op.fence then
    return extend(op, lease)
  end
  local account, target = holding(op.demand)
  local is_older = op.fence < cell.incarnation * FENCE.per_incarnation
  if lease or not account or not target or not is_older or not operations.is_id(op.id) then
    return operations.answer(TAG.lost)
  end
  if account.in_flight >= account.limit then
    cell.overage = cell.overage + 1
  end
  lease = leases.begin(op, account, target, op.fence)
  operations.answer(TAG.renewed, 0, target.model, account.index, op.fence, lease.expires_at)
end
