-- Rule: a tenant's share of contended slots follows its weight. Start-time fair queueing (Goyal, Vin,
-- Cheng 1996): service is slot-milliseconds over the weight, charged at the expected hold and
-- corrected at the end of the lease; a pool's virtual time is the start tag of its last grant.
-- It refuses nothing: it counts who was served how much, so that waiters are served in a fair order.
-- While nobody waits there is nothing to share: most grants are not charged then, and owe at their
-- end only what they have used since others began to wait.

--- Whether a grant is charged at once. While nobody waits, one in eight is, so that holds are known
--- when somebody does; multiples of the golden ratio spread those over whoever comes in turn.
--- Reserved slots are compared with what is in flight, so their holders are always counted.
local function is_counted(tenant)
  return cell.waiting > 0 or tenant[TENANT.reserved] or cell.grants * FLOWS.spread % 1 < FLOWS.sample
end

function fair_share.charge(lease, _, _, tenant, _, home)
  if not home or not tenant and cell.waiting == 0 then
    return
  end
  lease[LEASE.pool], lease[LEASE.charged] = home, PACKED.uncharged
  if not is_counted(tenant) then
    return
  end
  local flow = flows.of(home, lease[LEASE.tenant])
  local was_ready = flow.ready and flows.lift(flow)
  lease[LEASE.charged], flow.in_flight = tags.charge(flow), flow.in_flight + 1
  if was_ready then
    flows.set_ready(flow, true)
  end
  flows.touch(flow)
end

--- A grant that nobody has claimed was no service, and says nothing about holds.
local function settle_counted(lease, flow)
  local held = lease[LEASE.state] == STATE.leased and cell.now - lease[LEASE.granted_at]
  tags.correct(flow, held or 0, lease[LEASE.charged])
  flow.in_flight = flow.in_flight > 0 and flow.in_flight - 1 or 0
  if held then
    tags.learn(flow, held)
  end
end

local function settle_uncounted(lease, flow)
  local from, since = lease[LEASE.granted_at], flow.pool.since
  tags.correct(flow, cell.now - (since > from and since or from), 0)
  tags.learn(flow, cell.now - from)
end

function fair_share.settle(lease)
  local name, is_uncounted = lease[LEASE.pool], lease[LEASE.charged] == PACKED.uncharged
  if not name or is_uncounted and (cell.waiting == 0 or pools.of(name).backlog == 0) then
    return
  end
  local flow = flows.of(name, lease[LEASE.tenant])
  local was_ready, settle = flow.ready and flows.lift(flow), is_uncounted and settle_uncounted or settle_counted
  settle(lease, flow)
  if was_ready then
    flows.set_ready(flow, true)
  end
  flows.touch(flow)
end
