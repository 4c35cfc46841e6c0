-- The life of a lease: it begins charged to every rule and ends settled with every rule, once. Most
-- leases are under no terms (tenants', budgets', of a queue): those rules are not asked then.

local function begin_bound(op, id, account, target, fence, tenant, home, daemon, state)
  local batch = operations.batch
  local lease = records.bound_lease(batch[op + OP.flags] % 2, target.model, fence, account[ACCOUNT.name])
  rules.charge(lease, account, op)
  terms.charge(lease, account, op, tenant, id, home)
  records.seal(lease, batch, op, cell.now, cell.now + batch[op + OP.lease_ms], daemon or arg_daemon,
    state or STATE.leased)
  return lease
end

--- A slot of `account` is held for the operation from now on; returns the lease and its expiry.
--- `home` is the pool of its first target. A lease that was handed off tells whose it is (`daemon`)
--- and whether that daemon must claim it first (`state`).
function leases.begin(op, id, slot, account, target, fence, tenant, home, daemon, state)
  local batch, now, lease = operations.batch, cell.now, nil
  if tenant or cell.is_budgeted or cell.waiting > 0 then
    lease = begin_bound(op, id, account, target, fence, tenant, home, daemon, state)
  else
    lease = records.plain_lease(batch, op, batch[op + OP.flags] % 2, target.model, fence, now,
      account[ACCOUNT.name])
    rules.charge(lease, account, op)
  end
  requests.put(id, slot, lease)
  local expires_at = now + batch[op + OP.lease_ms]
  expiry.watch(id, expires_at)
  return lease, expires_at
end

--- The same lease, living at least as long as it did; a grant that was handed off is claimed by it.
function leases.extend(op, id, slot, lease)
  local expires_at = cell.now + operations.batch[op + OP.lease_ms]
  expires_at = math.max(records.expires_at(lease), expires_at)
  records.extend(lease, expires_at)
  if records.state(lease) == STATE.granted then
    records.set_state(lease, STATE.leased)
    waiters.forget(id)
  end
  requests.put(id, slot, lease)
  return expires_at
end

local function settle_terms(id, lease, op)
  if records.state(lease) == STATE.granted then
    waiters.forget(id)
  end
  terms.settle(lease, nil, op, tenants.get(tenants.name_in(id)), id)
end

--- The slot is free again. `op` reports how its use ended; nil where the lease was reaped.
function leases.finish(id, slot, lease, how, op)
  local flags = lease[LEASE.flags]
  rules.settle(lease, accounts.get(lease[LEASE.account]), op)
  requests.drop(id, slot)
  if flags >= ACQUIRE.bound then
    settle_terms(id, lease, op)
    how = op and how or how .. budget.presumption(lease)
  end
  if flags % 2 ~= ACQUIRE.fresh or #how > 1 then
    requests.remember(id, how)
  end
end

--- A grant that nobody has claimed: its slot is free again, and its waiter waits on.
function leases.take_back(id)
  local slot = operations.slot(id)
  local lease = requests.look_up(id, redis.call('HGET', key_requests, id))
  if lease then
    rules.settle(lease, accounts.get(lease[LEASE.account]), nil)
    terms.settle(lease, nil, nil, tenants.get(tenants.name_in(id)), id)
    requests.drop(id, slot)
  end
end
