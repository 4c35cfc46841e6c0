-- How leases begin, charged to every rule, and live on. Most of them are under no terms (tenants',
-- budgets', of a queue): those rules are not asked then.

--- A slot of `account` is held for the operation from now on; returns the lease and its expiry.
--- `home` is the pool of its first target. A lease that was handed off tells whose it is (`daemon`)
--- and whether that daemon must claim it first (`state`).
function leases.begin(op, id, slot, account, target, fence, tenant, home, daemon, state)
  local lease, batch, now = {}, operations.batch, cell.now
  local expires_at, session = now + batch[op + OP.lease_ms], sessions.of(op)
  if session then
    sessions.granted(session, id, account)
  end
  if tenant or session or cell.is_budgeted or cell.waiting > 0 then
    records.bind(lease, batch[op + OP.flags] % 2, target.model, fence, account[ACCOUNT.name],
      tenant and tenant[TENANT.name] or tenants.name_in(id))
    sessions.mark(lease, op)
    terms.charge(lease, account, op, tenant, id, home)
    if tenant then
      tenants.changed(tenant)
    end
    records.seal(lease, batch, op, now, expires_at, daemon or arg_daemon, state or STATE.leased)
  else
    lease = records.plain(batch, op, target.model, fence, now, expires_at, account)
  end
  rules.charge(lease, account, op)
  requests.put(id, slot, lease)
  expiry.watch(id, expires_at)
  return lease, expires_at
end

--- The same lease, living at least as long as it did; that claims a grant that was handed off.
function leases.extend(op, id, slot, lease)
  local expires_at =
    math.max(records.expires_at(lease), cell.now + operations.batch[op + OP.lease_ms])
  records.extend(lease, expires_at)
  local state = records.state(lease)
  if state ~= STATE.leased and state ~= STATE.moving then
    records.set_state(lease, STATE.leased)
    waiters.forget(id)
  end
  requests.put(id, slot, lease)
  return expires_at
end
