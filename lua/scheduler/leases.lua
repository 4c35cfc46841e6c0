-- The life of a lease: it begins charged to every rule and ends settled with every rule, once.

--- A slot of `account` is held for the operation from now on.
function leases.begin(op, account, target, fence)
  local lease = records.new_lease(op, target.model, fence, cell.now, account[ACCOUNT.name], arg_daemon)
  requests.put(op[OP.id], lease)
  expiry.watch(op[OP.id], lease[LEASE.expires_at])
  rules.charge(lease, account)
  return lease
end

--- The same lease, living at least as long as it did.
function leases.extend(op, lease)
  local expires_at = math.max(lease[LEASE.expires_at], cell.now + op[OP.lease_ms])
  lease[LEASE.expires_at] = expires_at
  lease[LEASE.raw] = records.with_expiry(lease[LEASE.raw], expires_at)
  requests.put(op[OP.id], lease)
  return expires_at
end

--- The slot is free again; `op` reports how its use ended.
function leases.finish(id, lease, op, how)
  rules.settle(lease, accounts.get(lease[LEASE.account]), op)
  requests.drop(id)
  if lease[LEASE.flags] ~= ACQUIRE.fresh then
    requests.remember(id, how)
  end
end
