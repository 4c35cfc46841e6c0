-- release, cancel and check: how a request ends, and what became of it.

--- Never frees someone else's slot: a release names the fence of the lease that it means.
operations.handlers[KIND.release] = function(op)
  local lease = requests.get(op.id)
  if not lease or lease.fence ~= op.fence then
    return operations.answer(TAG.already)
  end
  leases.finish(op.id, lease, op, END.released)
  operations.answer(TAG.released)
end

--- Of an id that nobody has seen yet: a tombstone refuses the acquire that comes too late.
operations.handlers[KIND.cancel] = function(op)
  if not operations.is_id(op.id) then
    return operations.refuse(MISTAKE.invalid_id)
  end
  local lease = requests.get(op.id)
  if lease then
    leases.finish(op.id, lease, op, END.released)
    return operations.answer(TAG.was_granted, 0, 0, 0, lease.fence)
  end
  if requests.ended(op.id) then
    return operations.answer(TAG.already)
  end
  requests.finish(op.id, END.cancelled)
  operations.answer(TAG.cancelled)
end

operations.handlers[KIND.check] = function(op)
  local lease = requests.get(op.id)
  if lease then
    return operations.answer(TAG.leased, 0, lease.model, 0, lease.fence, lease.expires_at)
  end
  operations.answer(requests.ended(op.id) and TAG.finished or TAG.unknown)
end
