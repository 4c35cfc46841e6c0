-- renew: a held lease lives on. register: a holder brings back a lease that the store has lost.

--- Its holder has not heard yet where it has moved: it lives on, and that claims nothing.
local function extend_unheard(op, id, slot, lease)
  local expires_at =
    math.max(records.expires_at(lease), cell.now + operations.batch[op + OP.lease_ms])
  records.extend(lease, expires_at)
  requests.put(id, slot, lease)
  return expires_at
end

local function extend_own(op, id, slot)
  local lease, fence = requests.get(slot), operations.batch[op + OP.fence]
  if lease and lease[LEASE.fence] == fence then
    operations.answer(TAG.renewed, 0, 0, 0, fence, leases.extend(op, id, slot, lease))
  elseif lease and fence > 0 and moved_records.before(lease) == fence then
    operations.answer(TAG.renewed, 0, 0, 0, fence, extend_unheard(op, id, slot, lease))
  else
    return false
  end
  return true
end

operations.handlers[KIND.renew] = function(op, id, slot)
  if not extend_own(op, id, slot) then
    operations.say(TAG.lost)
  end
end

--- The account and the target of a line of `holdings`: those that are known, of a lease that lives.
local function holding(number)
  local line = listed.line(arg_holdings, number) or ''
  local name, target, expiry = string.match(line, '^([^\t]+)\t([^\t]+\t[^\t]+)\t?(%d*)$')
  local raw = target and redis.call('HGET', key_targets, target)
  if raw and (tonumber(expiry) or math.huge) > cell.now then
    return accounts.get(name), target_records.read(raw)
  end
end

--- Whether it is a lane alone that is brought back: the line names no account, and at most an expiry.
local function is_lane(number, session)
  if not session or not session.lane then
    return false
  end
  local line = number > 0 and listed.line(arg_holdings, number) or ''
  local expiry = number == 0 and math.huge or tonumber(string.match(line, '^%d+$'))
  return expiry and expiry > cell.now
end

--- Whether the store may have lost the lease. Not so for a fence of this incarnation, or for an id
--- that has ended: the slot may be somebody else's by now.
local function may_be_lost(id, slot, fence)
  return fence < cell.incarnation * FENCE.per_incarnation
    and not requests.get(slot) and operations.is_id(id) and not finished.find(id, slot)
end

--- Over the limit if need be (overage).
operations.handlers[KIND.register] = function(op, id, slot)
  if extend_own(op, id, slot) then
    return
  end
  local fence = operations.batch[op + OP.fence]
  local number, session = operations.batch[op + OP.demand], sessions.of(op)
  local account, target = holding(number)
  local is_alone = is_lane(number, session)
  if not is_alone and not (account and target) or not may_be_lost(id, slot, fence) then
    return operations.say(TAG.lost)
  end
  -- A store that forgot the grant alone has its waiter still.
  waiters.forget(id)
  if is_alone then
    return alone.register(op, id, fence)
  end
  if account[ACCOUNT.in_flight] >= account[ACCOUNT.limit] then
    cell.overage = cell.overage + 1
  end
  local _, expires_at = leases.begin(op, id, slot, account, target, fence,
    cell.tenants > 0 and tenants.get(tenants.name_in(id)) or nil)
  operations.answer(TAG.renewed, 0, target.model, account[ACCOUNT.index], fence, expires_at)
end
