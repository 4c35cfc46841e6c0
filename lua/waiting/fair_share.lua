-- Rule: a tenant's share of contended slots follows its weight. Start-time fair queueing (Goyal, Vin,
-- Cheng 1996): service is slot-milliseconds over the weight, charged at the expected hold and
-- corrected at the end of the lease; a pool's virtual time is the start tag of its last grant.
-- It refuses nothing: it counts who was served how much, so that waiters are served in a fair order.
-- Where nobody is registered and nobody waits there is nothing to share.

--- The hold in ms that a grant is charged with: the flow's mean, else its pool's. Before anything was
--- measured next to nothing: a guess too high would put the pool's virtual time ahead of everybody.
local function expected_hold(flow)
  local hold = flow.hold > 0 and flow.hold or flow.pool.hold > 0 and flow.pool.hold or FLOWS.first_hold
  return hold - hold % 1
end

local function tag_of(flow, ms)
  local tag = ms * 1000 / flow.weight
  return tag - tag % 1
end

--- The tag that the flow's next service starts at.
local function start_of(flow)
  if cell.waiting > 0 and flows.is_backlogged(flow) then
    return flow.start
  end
  return flow.finish > flow.pool.time and flow.finish or flow.pool.time
end

function fair_share.charge(lease, _, _, tenant, _, home)
  if not home or not tenant and cell.waiting == 0 then
    return
  end
  local flow = flows.of(home, lease[LEASE.tenant])
  local hold, pool, was_ready = expected_hold(flow), flow.pool, flow.ready and flows.lift(flow)
  local start = start_of(flow)
  if start > pool.time then
    pool.time = start
  end
  local finish = start + tag_of(flow, hold)
  flow.finish, flow.start, flow.in_flight = finish, finish, flow.in_flight + 1
  if was_ready then
    flows.set_ready(flow, true)
  end
  flows.touch(flow)
  lease[LEASE.charged], lease[LEASE.pool] = hold, home
end

local function learn(mean, held, memory_length)
  return mean > 0 and mean + (held - mean) / memory_length or held
end

--- A grant that nobody has claimed was no service, and says nothing about holds.
function fair_share.settle(lease)
  if not lease[LEASE.pool] then
    return
  end
  local flow, held = flows.of(lease[LEASE.pool], lease[LEASE.tenant]), cell.now - lease[LEASE.granted_at]
  local claimed, was_ready = lease[LEASE.state] == STATE.leased, flow.ready and flows.lift(flow)
  local correction = tag_of(flow, claimed and held or 0) - tag_of(flow, lease[LEASE.charged])
  local finish, start = flow.finish + correction, flow.start + correction
  flow.finish, flow.start = finish > 0 and finish or 0, start > 0 and start or 0
  flow.in_flight = flow.in_flight > 0 and flow.in_flight - 1 or 0
  if claimed then
    flow.hold = learn(flow.hold, held, FLOWS.hold_memory)
    flow.pool.hold = learn(flow.pool.hold, held, FLOWS.pool_memory)
  end
  if was_ready then
    flows.set_ready(flow, true)
  end
  flows.touch(flow)
end
