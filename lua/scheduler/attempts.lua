-- A request's attempts, one after the other: which accounts it has tried, and how the next one begins
-- where the last one has ended (move.lua decides).

--- The accounts that the request has tried.
function attempts.tried(op, lease)
  local list, seen = {}, {}
  local names = listed.line(arg_excludes, operations.batch[op + OP.exclude]) or ''
  local is_moving = records.state(lease) == STATE.moving
  local last = is_moving and moved_records.left(lease) or lease[LEASE.account]
  for name in string.gmatch(names .. '\t' .. last, '[^\t]+') do
    list[#list + 1] = not seen[name] and accounts.get(name) or nil
    seen[name] = true
  end
  return list
end

--- The lease goes from its account to another one; returns its expiry.
function attempts.change(op, id, slot, lease, account, target)
  -- Before it has another account: what it used of the old one is settled there.
  rules.settle_all({ lease }, { accounts.get(lease[LEASE.account]) or false }, { op }, 1)
  operations.batch[op + OP.tokens] = charges.tokens(lease)
  moved_records.relocate(lease, account[ACCOUNT.name], target.model, cell.next_fence())
  rules.charge(lease, account, op)
  return leases.extend(op, id, slot, lease)
end

--- Why it would wait in vain for another account, and the ms after which to try again; false where it
--- would not.
function attempts.vain(op, targets, list)
  if cell.now < cell.recover_until then
    return false
  end
  local reason, after_ms = obstacle.of(targets, list)
  local is_late = (after_ms or 0) > operations.batch[op + OP.patience]
  return (reason == REASON.no_account_for_model or is_late) and reason, after_ms
end
