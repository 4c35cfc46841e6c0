-- acquire: the same id and claim again is the same lease; a new id gets a slot or a reason.

local function deny(reason, retry_after_ms)
  operations.answer(TAG.denied, reason, 0, 0, 0, retry_after_ms)
end

--- Answers for an id that is not new.
local function answer_again(op, lease)
  if lease and lease[LEASE.claim] == op[OP.claim] then
    local account = accounts.get(lease[LEASE.account])
    return operations.answer(TAG.replayed, 0, lease[LEASE.model], account and account[ACCOUNT.index],
      lease[LEASE.fence], lease[LEASE.expires_at])
  end
  if not lease and requests.ended(op) == END.cancelled then
    return deny(REASON.cancelled)
  end
  operations.refuse(MISTAKE.duplicate_request)
end

local function mistake_of(op, targets)
  return not operations.is_id(op[OP.id]) and MISTAKE.invalid_id
    or op[OP.lease_ms] < 1 and MISTAKE.invalid_lease
    or not targets and MISTAKE.unknown_demand
end

operations.handlers[KIND.acquire] = function(op)
  if variant == 'tick_oom' then
    return operations.refuse(MISTAKE.out_of_memory)
  end
  local targets = choice.targets(op[OP.demand])
  local mistake = mistake_of(op, targets)
  if mistake then
    return operations.refuse(mistake)
  end
  local lease = requests.get(op)
  if lease or requests.ended(op) then
    return answer_again(op, lease)
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
  lease = leases.begin(op, account, targets[number], cell.next_fence())
  operations.answer(TAG.granted, number - 1, lease[LEASE.model], account[ACCOUNT.index],
    lease[LEASE.fence], lease[LEASE.expires_at])
end
