-- The life of a lease: it begins charged to every rule and ends settled with every rule, once.

--- A slot of `account` is held for the operation from now on; returns the lease and its expiry.
function leases.begin(op, id, slot, account, target, fence)
  local batch, now = operations.batch, cell.now
  local expires_at = now + batch[op + OP.lease_ms]
  local lease = records.new_lease(batch, op, target.model, fence, now, account[ACCOUNT.name], arg_daemon)
  requests.put(id, slot, lease)
  expiry.watch(id, expires_at)
  rules.charge(lease, account, op)
  return lease, expires_at
end

--- The same lease, living at least as long as it did.
function leases.extend(op, id, slot, lease)
  local expires_at = cell.now + operations.batch[op + OP.lease_ms]
  expires_at = math.max(records.expires_at(lease), expires_at)
  records.extend(lease, expires_at)
  requests.put(id, slot, lease)
  return expires_at
end

--- The slot is free again. `op` reports how its use ended; nil where the lease was reaped.
function leases.finish(id, slot, lease, how, op)
  rules.settle(lease, accounts.get(lease[LEASE.account]), op)
  requests.drop(id, slot)
  if lease[LEASE.flags] ~= ACQUIRE.fresh then
    requests.remember(id, how)
  end
end
