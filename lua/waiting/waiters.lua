-- Parked acquires. A waiter has a record (`waiters`), a timer for its deadline, and one place:
--   queued   in its tenant's line for its demand ("q", tenant, demand, order): served in that order
--   parked   in its daemon's list ("p", daemon, then its line): the daemon does not listen
--   granted  it was handed a lease that its daemon has not claimed yet (a timer "c")
-- Order within a tenant is arrival + priority x step, so a low priority ages by itself.
local seen -- id -> its waiter, or false
waiters.leave = {} -- state -> function(waiter): takes it from its place

function waiters.begin()
  seen = {}
end

--- Its record, as it is now.
function waiters.write(waiter)
  redis.call('HSET', key_waiters, waiter.id, waiter_record.encode(waiter))
end

--- The waiter of an id, or false.
function waiters.get(id)
  if cell.waiting == 0 then
    return false
  end
  if seen[id] == nil then
    seen[id] = waiter_record.decode(id, redis.call('HGET', key_waiters, id))
  end
  return seen[id]
end

--- Its place in the line, behind the letter of the list.
function waiters.line_of(waiter)
  return waiter.tenant .. '\t' .. string.format('%04x', waiter.demand) .. waiter.order .. waiter.id
end

function waiters.flow_of(waiter)
  return flows.of(waiter.pool, waiter.tenant)
end

--- The id at the head of a tenant's line for a demand, or nil.
function waiters.head(tenant, demand)
  local line = string.format('q%s\t%04x', tenant, demand)
  local first = redis.call('ZRANGEBYLEX', key_line, '[' .. line, '(' .. line .. '~', 'LIMIT', 0, 1)[1]
  return first and string.sub(first, #line + WAITERS.order + 1), first
end

--- To its place in its tenant's line, unless it waits elsewhere: for a move, or for its session.
function waiters.enqueue(waiter)
  if moving.holds_back(waiter) or waiter.session and sessions.holds_back(waiter) then
    return
  end
  waiter.state = WAITING.queued
  redis.call('ZADD', key_line, 0, 'q' .. waiters.line_of(waiter))
  local tenant = tenants.get(waiter.tenant)
  flows.join(waiters.flow_of(waiter), waiter.demand, not (tenant and tenant[TENANT.blocked]))
end

waiters.leave[WAITING.queued] = function(waiter)
  redis.call('ZREM', key_line, 'q' .. waiters.line_of(waiter))
  flows.leave(waiters.flow_of(waiter), waiter.demand)
end

waiters.leave[WAITING.parked] = function(waiter)
  redis.call('ZREM', key_line, 'p' .. waiter.daemon .. '\t' .. waiters.line_of(waiter))
end

waiters.leave[WAITING.granted] = function(waiter)
  timers.clear('c', waiter.id)
end

--- A new waiter joins its line.
function waiters.add(waiter)
  seen[waiter.id] = waiter
  cell.count_waiters(1)
  waiters.enqueue(waiter)
  waiters.write(waiter)
  timers.set('d', waiter.id, waiter.deadline)
end

--- The calling daemon holds it from now on, and listens.
function waiters.adopt(waiter)
  if waiter.state == WAITING.parked then
    waiters.leave[WAITING.parked](waiter)
    waiters.enqueue(waiter)
    -- It was not there when this tick handed slots on.
    hand_off.more = true
  elseif waiter.daemon == arg_daemon then
    return
  end
  waiter.daemon = arg_daemon
  waiters.write(waiter)
end

--- How many wait in the waiter's line, itself among them.
function waiters.position(waiter)
  return waiters.flow_of(waiter).demands[waiter.demand] or 1
end

--- The waiter waits no more.
function waiters.remove(waiter)
  waiters.leave[waiter.state](waiter)
  redis.call('HDEL', key_waiters, waiter.id)
  timers.clear('d', waiter.id)
  seen[waiter.id] = false
  cell.count_waiters(-1)
  moving.removed(waiter)
end

--- The same of one that gets nothing.
function waiters.give_up(waiter)
  waiters.remove(waiter)
  sessions.left(waiter)
end

--- The waiter is refused: told to its daemon, and remembered under its id unless a lease is still held there.
function waiters.refuse(waiter, reason, retry_after_ms)
  waiters.give_up(waiter)
  if not moving.is_one(waiter) then
    finished.remember(waiter.id, END.refused .. string.char(reason))
  end
  notices.tell(waiter.daemon, waiter.id,
    operations.packed(TAG.denied, reason, 0, 0, 0, retry_after_ms), tenant_rates.none, 0)
end

--- The grant that was handed to it is claimed, or came back.
function waiters.forget(id)
  local waiter = waiters.get(id)
  if waiter then
    waiters.remove(waiter)
  end
end

--- It got a lease that its daemon must claim; returns within how many ms.
function waiters.hand(waiter)
  local claim_ms = math.min(WAITING.claim_ms, math.ceil(waiter.lease_ms / 2))
  waiters.leave[waiter.state](waiter)
  waiter.state = WAITING.granted
  waiters.write(waiter)
  timers.set('c', waiter.id, cell.now + claim_ms)
  return claim_ms
end

timers.due.d = function(id)
  local waiter = waiters.get(id)
  if not waiter then
    unreadable.set_aside(id)
  elseif waiter.state ~= WAITING.granted then
    waiters.refuse(waiter, REASON.queue_timeout, 0)
  end
end
