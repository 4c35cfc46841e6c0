-- How leases end: settled with every rule that they were charged to, once.
local holders = {} -- a kept list, see lib/order.lua

--- Settles a lease, whose charges were read, with every term that it was charged to, if any.
local function settle_terms(id, lease, op)
  if lease[LEASE.flags] % (2 * ACQUIRE.bound) < ACQUIRE.bound then
    return
  end
  local name = tenants.name_in(id)
  local tenant = tenants.get(name)
  lease[LEASE.tenant] = name
  terms.settle(lease, nil, op, tenant, id)
  if tenant then
    tenants.changed(tenant)
  end
end

--- Returns how the lease has ended, with what a late release may need.
local function end_bound(id, lease, op, how)
  charges.read(lease)
  if lease[LEASE.state] ~= STATE.leased then
    waiters.forget(id)
  end
  settle_terms(id, lease, op)
  if lease[LEASE.flags] >= ACQUIRE.lane then
    sessions.ended(id, lease)
  end
  return op and how or how .. presumed.tail(lease)
end

--- The slots of the first `n` leases of `ended` are free again; their `ids` are dropped already.
--- `ops` report how their use ended; none where they were reaped.
function endings.finish_all(ids, ended, ops, n, how)
  accounts.of_leases(ended, holders, n)
  rules.settle_all(ended, holders, ops, n)
  for i = 1, n do
    local flags, ending = ended[i][LEASE.flags], how
    if flags >= ACQUIRE.bound then
      ending = end_bound(ids[i], ended[i], ops[i], how)
    end
    if flags % 2 ~= ACQUIRE.fresh or #ending > 1 then
      finished.remember(ids[i], ending)
    end
  end
end

--- The slot is free again. `op` reports how its use ended; nil where the lease was reaped.
function endings.finish(id, slot, lease, how, op)
  requests.drop(id, slot)
  endings.finish_all({ id }, { lease }, { op }, 1, how)
end

--- A grant that nobody has claimed: its slot is free again, and its waiter waits on.
function endings.take_back(id)
  local slot = operations.slot(id)
  local lease = requests.look_up(id, redis.call('HGET', key_requests, id))
  if lease and records.state(lease) == STATE.moved then
    moving_on.take_back(id, slot, lease)
  elseif lease then
    rules.settle_all({ lease }, { accounts.get(lease[LEASE.account]) or false }, {}, 1)
    charges.read(lease)
    settle_terms(id, lease, nil)
    requests.forget(id, slot)
  end
end
