-- release, cancel and check: how a request ends, and what became of it.

--- The lease was reaped, and settled at what was reserved: now its holder tells better, once.
local function correct(op, id, slot)
  local how = uses.tells_cost(op) and requests.find_ended(id, slot)
  if how and #how > 1 and string.sub(how, 1, 1) == END.reaped
    and budget.correct(id, string.sub(how, 2), op) then
    requests.remember(id, string.sub(how, 1, 1))
  end
end

--- Never frees someone else's slot: a release names the fence of the lease that it means.
operations.handlers[KIND.release] = function(op, id, slot)
  local lease = requests.get(slot)
  if not lease or lease[LEASE.fence] ~= operations.batch[op + OP.fence] then
    correct(op, id, slot)
    return operations.say(TAG.already)
  end
  leases.finish(id, slot, lease, END.released, op)
  operations.say(TAG.released)
end

--- Of an id that nobody has seen yet: a tombstone refuses the acquire that comes too late.
operations.handlers[KIND.cancel] = function(op, id, slot)
  local lease = requests.get(slot)
  if lease then
    leases.finish(id, slot, lease, END.released, op)
    return operations.answer(TAG.was_granted, 0, 0, 0, lease[LEASE.fence])
  end
  if not operations.is_id(id) then
    return operations.refuse(MISTAKE.invalid_id)
  end
  local waiter = waiters.get(id)
  if waiter then
    waiters.remove(waiter)
    requests.remember(id, END.cancelled)
    return operations.say(TAG.cancelled)
  end
  if requests.find_ended(id, slot) then
    return operations.say(TAG.already)
  end
  requests.remember(id, END.cancelled)
  operations.say(TAG.cancelled)
end

operations.handlers[KIND.check] = function(_, id, slot)
  local lease = requests.get(slot)
  if lease then
    return operations.answer(TAG.leased, 0, lease[LEASE.model], 0, lease[LEASE.fence],
      records.expires_at(lease))
  end
  if waiters.get(id) then
    return operations.say(TAG.queued)
  end
  operations.say(requests.find_ended(id, slot) and TAG.finished or TAG.unknown)
end
