-- Rule: a tenant's share of contended slots follows its weight. Start-time fair queueing (Goyal, Vin,
-- Cheng 1996): service is slot-milliseconds over the weight, charged at the expected hold and
-- corrected at the end of the lease; a pool's virtual time is the start tag of its last grant.
-- It refuses nothing: it counts who was served how much, so that waiters are served in a fair order.
-- Where nobody is registered and nobody waits there is nothing to share.

--- The hold in ms that a grant is charged with: the flow's mean, else its pool's. Before anything was
--- measured next to nothing: a guess too high would put the pool's virtual time ahead of everybody.
local function expected_hold(flow)
  return math.floor(flow.hold > 0 and flow.hold or flow.pool.hold > 0 and flow.pool.hold
    or FLOWS.first_hold)
end

local function tag_of(flow, ms)
  return math.floor(ms * 1000 / flow.weight)
end

function fair_share.charge(lease, _, _, tenant, id, home)
  if not home or not tenant and cell.waiting == 0 then
    return
  end
  local flow = flows.of(home, tenants.name_in(id))
  local hold, pool, was_ready = expected_hold(flow), flow.pool, flow.ready and flows.lift(flow)
  local start = flows.is_backlogged(flow) and flow.start or math.max(pool.time, flow.finish)
  pool.time = math.max(pool.time, start)
  flow.finish = start + tag_of(flow, hold)
  flow.start, flow.in_flight = flow.finish, flow.in_flight + 1
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
function fair_share.settle(lease, _, _, _, id)
  local pool_name, charged, held = charges.share(lease, cell.now)
  if not pool_name then
    return
  end
  local flow, claimed = flows.of(pool_name, tenants.name_in(id)), records.state(lease) == STATE.leased
  local was_ready, served = flow.ready and flows.lift(flow), claimed and held or 0
  local correction = tag_of(flow, served) - tag_of(flow, charged)
  flow.finish = math.max(0, flow.finish + correction)
  flow.start = math.max(0, flow.start + correction)
  flow.in_flight = math.max(0, flow.in_flight - 1)
  if claimed then
    flow.hold = learn(flow.hold, held, FLOWS.hold_memory)
    flow.pool.hold = learn(flow.pool.hold, held, FLOWS.pool_memory)
  end
  if was_ready then
    flows.set_ready(flow, true)
  end
  flows.touch(flow)
end
