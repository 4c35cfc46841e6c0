-- How those that wait for another account (moving.lua) get one: as candidates beside the heads of the
-- demands (heads.lua), handed off in the tick that frees it.

--- A candidate for what is free.
function moving_on.head(entry, demand, targets)
  return { entry = entry, demand = demand, targets = targets, rank = MOVES.rank,
    lag = tonumber(string.sub(entry, 6, 20)), id = string.sub(entry, 6 + WAITERS.order) }
end

local function grant(waiter, lease, account, number, targets)
  local own, op, id = waiter.daemon == arg_daemon, operations.borrow(waiter), waiter.id
  local expires_at = moving.enter_account(op, id, operations.slot(id), lease, account,
    targets[number], targets.home, own and STATE.leased or STATE.moved)
  pools.handed_off(pools.of(targets.home))
  local claim_ms = 0
  if own then
    waiters.remove(waiter)
  else
    claim_ms = waiters.hand(waiter)
  end
  notices.tell(waiter.daemon, id, operations.packed(TAG.moved, number - 1, lease[LEASE.model],
    account[ACCOUNT.index], lease[LEASE.fence], expires_at), tenant_rates.none, claim_ms)
end

--- A place of nobody; a waiter that cannot be read is set aside.
local function discard(head)
  local raw = redis.call('HGET', key_waiters, head.id)
  redis.call('ZREM', key_line, head.entry)
  if raw and not waiters.get(head.id) then
    redis.call('HSET', key_set_aside, head.id, raw)
    redis.call('HDEL', key_waiters, head.id)
    timers.clear('d', head.id)
    moving.leave_line(head.demand)
    cell.count_waiters(-1)
  end
end

local function serve(head, account, number)
  local waiter, id = waiters.get(head.id), head.id
  if not waiter or waiter.state ~= WAITING.moving or waiter.demand ~= head.demand then
    return discard(head)
  elseif not daemons.listens(waiter.daemon) then
    return parking.park(waiter)
  end
  local lease = requests.look_up(id, redis.call('HGET', key_requests, id))
  if lease and records.state(lease) == STATE.moving then
    return grant(waiter, lease, account, number, head.targets)
  end
  -- Its lease could not be read.
  waiters.remove(waiter)
end

--- Returns whether a waiter was looked at. Where all are full nothing else is asked.
function moving_on.try(head)
  local targets = head.targets
  if not choice.pick(targets) then
    return false
  end
  local account, number = excluding.pick(targets.excluded, targets)
  if account then
    serve(head, account, number)
  end
  return account ~= nil
end

--- Nobody has claimed it in time: the lease has no account again.
function moving_on.take_back(id, slot, lease)
  moving.leave_account(nil, id, slot, lease, 0)
end
