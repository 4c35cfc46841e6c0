-- acquire: the same id and claim again is the same lease; a new id gets a slot or a reason.

--- Answers for an id that is not new.
local function answer_again(op, lease)
  if lease and lease.claim == op.claim then
    local account = accounts.get(lease.account)
    return operations.answer(TAG.replayed, 0, lease.model, account and account.index, lease.fence,
      lease.expires_at)
  end
  if not lease and requests.ended(op.id) == END.cancelled then
    return operations.answer(TAG.denied, REASON.cancelled)
  end
  operations.refuse(MISTAKE.duplicate_request)
end

local function mistake_of(op)
  if not operations.is_id(op.id) then
    return MISTAKE.invalid_id
  end
  if op.lease_ms < 1 then
    return MISTAKE.invalid_lease
  end
  return not choice.targets(op.demand) and MISTAKE.unknown_demand
end

local function deny(reason, retry_after_ms)
  operations.answer(TAG.denied, reason, 0, 0, 0, retry_after_ms)
end

operations.handlers[KIND.acquire] = function(op)
  local mistake = mistake_of(op)
  if mistake then
    return operations.refuse(mistake)
  end
  local lease = requests.get(op.id)
  if lease or requests.ended(op.id) then
    return answer_again(op, lease)
  end
  if cell.now < cell.recover_until then
    return deny(REASON.recovering, cell.recover_until - cell.now)
  end
  local targets = choice.targets(op.demand)
  local account, number = choice.pick(targets)
  if not account then
    return deny(number)
  end
  local reason, retry_after_ms = rules.admit(op, account, targets[number])
  if reason then
    return deny(reason, retry_after_ms)
  end
  lease = leases.begin(op, account, targets[number], cell.next_fence())
  operations.answer(TAG.granted, number - 1, lease.model, account.index, lease.fence,
    lease.expires_at)
end
