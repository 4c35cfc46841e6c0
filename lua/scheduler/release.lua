-- release, cancel and check: how a request ends, and what became of it.

--- Never frees someone else's slot: a release names the fence of the lease that it means.
operations.handlers[KIND.release] = function(op)
  local lease = requests.get(op)
  if not lease or lease[LEASE.fence] ~= op[OP.fence] then
    return operations.say(TAG.already)
  end
  leases.finish(op[OP.id], lease, op, END.released)
  operations.say(TAG.released)
end

--- Of an id that nobody has seen yet: a tombstone refuses the acquire that comes too late.
operations.handlers[KIND.cancel] = function(op)
  local lease = requests.get(op)
  if lease then
    leases.finish(op[OP.id], lease, op, END.released)
    return operations.answer(TAG.was_granted, 0, 0, 0, lease[LEASE.fence])
  end
  if not operations.is_id(op[OP.id]) then
    return operations.refuse(MISTAKE.invalid_id)
  end
  if requests.find_ended(op) then
    return operations.say(TAG.already)
  end
  requests.remember(op[OP.id], END.cancelled)
  operations.say(TAG.cancelled)
end

operations.handlers[KIND.check] = function(op)
  local lease = requests.get(op)
  if lease then
    return operations.answer(TAG.leased, 0, lease[LEASE.model], 0, lease[LEASE.fence],
      lease[LEASE.expires_at])
  end
  operations.say(requests.find_ended(op) and TAG.finished or TAG.unknown)
end
