-- move: failover. The account that failed comes back with its outcome, and another one serves the same
-- request, in one step. Its tenant's slot, its reservation and its lane stay: they are the request's.
-- What an attempt costs (the account's slot and rates) is charged to each.
-- Where nothing is free it waits without an account (waiting/moving.lua), for as long as it says; where
-- it may not, it is denied and nothing has changed. Asked again, it is told the same.

local function tell(number, lease, account, expires_at)
  operations.answer(TAG.moved, number - 1, lease[LEASE.model], account and account[ACCOUNT.index],
    lease[LEASE.fence], expires_at)
end

local function deny(reason, after_ms)
  operations.answer(TAG.denied, reason, 0, 0, 0, after_ms)
end

--- It is not held under this fence: perhaps its holder did not hear of the next one.
local function answer_other(op, id, slot, lease, targets)
  if lease and targets and records.state(lease) ~= STATE.moving
    and moved_records.before(lease) == operations.batch[op + OP.fence] then
    local number = 1
    while number < #targets and (targets[number] or {}).model ~= lease[LEASE.model] do
      number = number + 1
    end
    local expires_at = leases.extend(op, id, slot, lease)
    return tell(number, lease, accounts.get(lease[LEASE.account]), expires_at)
  elseif cell.now < cell.recover_until then
    -- Perhaps its holder is about to register it.
    return deny(REASON.recovering, cell.recover_until - cell.now)
  end
  operations.say(TAG.lost)
end

local function answer_queued(waiter)
  operations.answer(TAG.queued, 0, 0, moving.position(waiter), waiter.arrived)
end

--- Moves it, lets it wait, or denies that: for `reason` where it may wait no more.
local function decide(op, id, slot, lease, targets, reason)
  local list, account, number, after_ms = attempts.tried(op, lease), nil, REASON.recovering, nil
  if cell.now >= cell.recover_until then
    account, number, after_ms = excluding.pick(list, targets)
  end
  if account then
    local enter = records.state(lease) == STATE.moving and moving.enter_account or attempts.change
    local expires_at = enter(op, id, slot, lease, account, targets[number], targets.home)
    return tell(number, lease, account, expires_at)
  elseif operations.batch[op + OP.patience] > 0 then
    number, after_ms = attempts.vain(op, targets, list)
    local waiter = not number and moving.join(op, id, slot, lease, targets, list)
    if waiter then
      return answer_queued(waiter)
    end
  end
  deny(reason or number or REASON.queue_full, after_ms)
end

operations.handlers[KIND.move] = function(op, id, slot)
  local batch, lease = operations.batch, requests.get(slot)
  local targets, patience = choice.targets(batch[op + OP.demand]), batch[op + OP.patience]
  if not lease or lease[LEASE.fence] ~= batch[op + OP.fence] then
    return answer_other(op, id, slot, lease, targets)
  elseif patience == 0 and cell.now < cell.recover_until then
    return deny(REASON.recovering, cell.recover_until - cell.now)
  end
  local waiter = records.state(lease) == STATE.moving and waiters.get(id)
  if waiter and patience > 0 then
    waiters.adopt(waiter)
    leases.extend(op, id, slot, lease)
    return answer_queued(waiter)
  elseif variant == 'tick_oom' then
    return operations.refuse(MISTAKE.out_of_memory)
  elseif not targets or lease[LEASE.account] == '' then
    return operations.refuse(MISTAKE.unknown_demand)
  elseif waiter then
    waiters.remove(waiter)
  end
  decide(op, id, slot, lease, targets, waiter and REASON.queue_timeout)
end
