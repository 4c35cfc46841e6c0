-- Acquires in a row that differ in nothing but their ids, as most do: all of them made just now, under no
-- terms, where nobody waits. One loop grants them; what they share is looked at once.

--- Where the acquires end that are like the one at `list[at]`, but for their ids.
local function alike_until(list, at, length, batch)
  local first = (list[at] - 1) * OP.fields
  local demand, lease_ms, flags = batch[first + OP.demand], batch[first + OP.lease_ms], batch[first + OP.flags]
  for j = at + 1, length do
    local op = (list[j] - 1) * OP.fields
    if batch[op + OP.demand] ~= demand or batch[op + OP.flags] ~= flags
      or batch[op + OP.kind] ~= KIND.acquire or batch[op + OP.lease_ms] ~= lease_ms then
      return j - 1
    end
  end
  return length
end

--- Grants from `list[at]` on, under no terms, as many as there is room for; returns where it stopped.
function alike.grant(list, at, length, targets, expires_at)
  local batch, held, slots, answers = operations.batch, requests.held, operations.slots, operations.answered
  local to, take, what = alike_until(list, at, length, batch), taking.way(targets)
  local remembered, puts, n = requests.open()
  local plain, pack, ids, now = records.plain, struct.pack, expiry.ids_at(expires_at), cell.now
  local counted, model, from = 1, targets[1].model, at
  while at <= to do
    local i = list[at]
    local op, id = (i - 1) * OP.fields, arg_id(i)
    local slot = slots[id]
    local account, number = take(what, held[slot])
    if not account then
      break
    end
    if number ~= counted then
      model_count.count(model, at - from)
      counted, model, from = number, targets[number].model, at
    end
    local fence = cell.next_fence()
    local lease = plain(batch, op, model, fence, now, expires_at, account)
    held[slot], remembered[id], puts[n + 1], puts[n + 2] = lease, lease, id, lease[LEASE.raw]
    n, at, ids[#ids + 1] = n + 2, at + 1, id
    answers[i] = pack('<BBI2I4dd', TAG.granted, number - 1, model, account[ACCOUNT.index], fence, expires_at)
    rules.charge_others(lease, account, op)
  end
  requests.close(n)
  model_count.count(model, at - from)
  return at
end
