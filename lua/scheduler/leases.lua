-- The life of a lease: it begins charged to every rule and ends settled with every rule, once.

--- A slot of `account` is held for the operation from now on.
function leases.begin(op, account, target, fence)
  local lease = { state = STATE.leased, attempt = 1, model = target.model, period = 0,
    tokens = op.tokens, reserve = op.reserve, fence = fence, granted_at = cell.now,
    expires_at = cell.now + op.lease_ms, claim = op.claim, account = account.name,
    daemon = arg_daemon, session = '' }
  lease.raw = records.pack_lease(lease)
  requests.put(op.id, lease)
  expiry.watch(op.id, lease.expires_at)
  rules.charge(lease)
  return lease
end

--- The same lease, living at least as long as it did.
function leases.extend(id, lease, lease_ms)
  local expires_at = math.max(lease.expires_at, cell.now + lease_ms)
  lease.expires_at = expires_at
  lease.raw = records.with_expiry(lease.raw, expires_at)
  requests.put(id, lease)
  return expires_at
end

--- The slot is free again; `op` reports how its use ended.
function leases.finish(id, lease, op, how)
  rules.settle(lease, op)
  requests.finish(id, how)
end
