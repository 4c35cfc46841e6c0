-- acquire: the same id and claim again is the same lease; a new id gets a slot or a reason.

local function deny(reason, retry_after_ms)
  operations.answer(TAG.denied, reason, 0, 0, 0, retry_after_ms)
end

--- Answers for an id that is not new. The same lease again lives on, for as long as its caller will
--- now trust it.
local function answer_again(op, id, slot, lease)
  if lease and records.claim(lease) == operations.batch[op + OP.claim] then
    local account = accounts.get(lease[LEASE.account])
    return operations.answer(TAG.replayed, 0, lease[LEASE.model], account and account[ACCOUNT.index],
      lease[LEASE.fence], leases.extend(op, id, slot, lease))
  end
  if not lease and requests.ended(id, slot) == END.cancelled then
    return deny(REASON.cancelled)
  end
  operations.refuse(MISTAKE.duplicate_request)
end

local function mistake_of(op, id, targets)
  return variant == 'tick_oom' and MISTAKE.out_of_memory
    or operations.batch[op + OP.flags] ~= ACQUIRE.fresh and not operations.is_id(id)
      and MISTAKE.invalid_id
    or operations.batch[op + OP.lease_ms] < 1 and MISTAKE.invalid_lease
    or not targets and MISTAKE.unknown_demand
end

operations.handlers[KIND.acquire] = function(op, id, slot)
  local targets = choice.targets(operations.batch[op + OP.demand])
  local mistake = mistake_of(op, id, targets)
  if mistake then
    return operations.refuse(mistake)
  end
  local lease = requests.get(slot)
  if lease or requests.ended(id, slot) then
    return answer_again(op, id, slot, lease)
  end
  if cell.now < cell.recover_until then
    return deny(REASON.recovering, cell.recover_until - cell.now)
  end
  local account, number = choice.pick(targets)
  if not account then
    return deny(number)
  end
  local reason, retry_after_ms = rules.admit(op, account, targets[number])
  if reason then
    return deny(reason, retry_after_ms)
  end
  local fence, expires_at = cell.next_fence(), nil
  lease, expires_at = leases.begin(op, id, slot, account, targets[number], fence)
  operations.answer(TAG.granted, number - 1, lease[LEASE.model], account[ACCOUNT.index], fence,
    expires_at)
end
