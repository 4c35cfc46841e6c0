-- acquire: the same id and claim again is the same lease or place; a new id gets one, or a reason.
local function deny(reason, retry_after_ms, tenant)
  operations.answer(TAG.denied, reason, 0, 0, 0, retry_after_ms)
  operations.tell_limits(tenant)
end

--- Answers for an id that is not new. The same lease again lives on as its caller will trust it.
local function answer_again(op, id, slot, lease)
  if lease and records.claim(lease) == operations.batch[op + OP.claim] then
    if records.state(lease) == STATE.moving then
      return deny(REASON.pool_full)
    end
    local account = accounts.get(lease[LEASE.account])
    return operations.answer(TAG.replayed, sessions.detail_before(lease), lease[LEASE.model],
      account and account[ACCOUNT.index], lease[LEASE.fence], leases.extend(op, id, slot, lease))
  end
  local how = not lease and finished.of(id, slot)
  if how == END.cancelled then
    return deny(REASON.cancelled)
  elseif how and string.sub(how, 1, 1) == END.refused then
    return deny(string.byte(how, 2))
  end
  operations.refuse(MISTAKE.duplicate_request)
end

local function mistake_of(op, id, targets)
  return variant == 'tick_oom' and MISTAKE.out_of_memory
    or operations.batch[op + OP.flags] % 2 == 0 and not operations.is_id(id) and MISTAKE.invalid_id
    or operations.batch[op + OP.lease_ms] < 1 and MISTAKE.invalid_lease
    or not targets and MISTAKE.unknown_demand
end

local function grant(op, id, slot, account, number, targets, tenant)
  local lease, expires_at =
    leases.begin(op, id, slot, account, targets[number], cell.next_fence(), tenant, targets.home)
  operations.answer(TAG.granted, sessions.detail(op, number), lease[LEASE.model],
    account[ACCOUNT.index], lease[LEASE.fence], expires_at)
  operations.tell_limits(tenant)
end

--- Grants, queues or denies a new request.
local function decide(op, id, slot, targets)
  local tenant, reason, after_ms, waits
  if cell.tenants > 0 or cell.is_budgeted then
    tenant = tenants.get(tenants.name_in(id))
    reason, after_ms, waits = terms.admit(op, tenant)
  end
  if not reason and cell.now < cell.recover_until then
    reason, after_ms, waits = REASON.recovering, cell.recover_until - cell.now, true
  elseif not reason and cell.waiting > 0 and queue.is_behind(targets, id) then
    reason, waits = REASON.pool_full, true
  elseif not reason then
    local account, number, ms = sessions.pick(op, targets, id)
    if account then
      return grant(op, id, slot, account, number, targets, tenant)
    end
    -- Whoever cannot wait for so long is told so at once.
    reason, after_ms = number, ms
    waits = number ~= REASON.no_account_for_model and (ms or 0) <= operations.batch[op + OP.wait_ms]
  end
  if not waits or operations.batch[op + OP.wait_ms] == 0 then
    return deny(reason, after_ms, tenant)
  end
  queue.join(op, id, targets, tenant, reason, after_ms)
end

--- Executes one acquire.
function acquire.execute(op, id, slot, targets)
  local mistake = mistake_of(op, id, targets)
  if mistake then
    return operations.refuse(mistake)
  end
  local lease = requests.get(slot)
  if lease or finished.of(id, slot) then
    return answer_again(op, id, slot, lease)
  end
  if cell.waiting == 0 or not queue.holds(op, id) then
    (targets.decide or decide)(op, id, slot, targets)
  end
end
