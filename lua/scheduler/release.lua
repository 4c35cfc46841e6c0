-- release, cancel and check: how a request ends, and what became of it.

--- The lease was reaped, and settled at what was reserved: now its holder tells better, once.
local function correct(op, id, slot)
  local how = uses.tells_cost(op) and finished.find(id, slot)
  if how and #how > 1 and string.sub(how, 1, 1) == END.reaped
    and presumed.correct(id, string.sub(how, 2), op) then
    finished.remember(id, string.sub(how, 1, 1))
  end
end

local ids, ended, ops = {}, {}, {} -- what a run has released: kept lists, see lib/order.lua

--- Never frees someone else's slot: a release names the fence of the lease that it means.
operations.runs[KIND.release] = function(list, at, length)
  local batch, held, slot_of, answers = operations.batch, requests.held, operations.slots, operations.answered
  local released, already = operations.plain(TAG.released), operations.plain(TAG.already)
  local dropped, n = requests.dropped, 0
  while at <= length do
    local i = list[at]
    local op, id = (i - 1) * OP.fields, arg_id(i)
    if batch[op + OP.kind] ~= KIND.release then
      break
    end
    local slot = slot_of[id]
    local lease = held[slot]
    if lease and lease[LEASE.fence] == batch[op + OP.fence] then
      n = n + 1
      ids[n], ended[n], ops[n] = id, lease, op
      held[slot], answers[i] = dropped, released
    else
      answers[i] = already
      correct(op, id, slot)
    end
    at = at + 1
  end
  requests.drop_all(ids, n)
  endings.finish_all(ids, ended, ops, n, END.released)
  return at
end

--- Of an id that nobody has seen yet: a tombstone refuses the acquire that comes too late.
operations.handlers[KIND.cancel] = function(op, id, slot)
  local lease = requests.get(slot)
  if lease then
    endings.finish(id, slot, lease, END.released, op)
    return operations.answer(TAG.was_granted, 0, 0, 0, lease[LEASE.fence])
  end
  if not operations.is_id(id) then
    return operations.refuse(MISTAKE.invalid_id)
  end
  local waiter = waiters.get(id)
  if waiter then
    waiters.give_up(waiter)
    finished.remember(id, END.cancelled)
    return operations.say(TAG.cancelled)
  end
  if finished.find(id, slot) then
    return operations.say(TAG.already)
  end
  finished.remember(id, END.cancelled)
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
  operations.say(finished.find(id, slot) and TAG.finished or TAG.unknown)
end
