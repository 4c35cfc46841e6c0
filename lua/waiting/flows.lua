-- The view of flows (FLOW): a tenant at a pool, and of the pools themselves. Start-time fair
-- queueing (Goyal, Vin, Cheng 1996): service is slot-milliseconds over the tenant's weight, charged
-- at the expected hold and corrected at the end of the lease; a pool's virtual time is the start tag
-- of its last grant. A waiter belongs to the flow of its first target's pool.
-- Tags are whole microseconds of weighted service, so they stay exact and sort as text.
local known, epoch, changed, changed_pools

function flows.begin()
  known = memory.of('flows', cell.admission)
  epoch, changed, changed_pools = memory.epoch, {}, {}
end

--- A pool: virtual time, mean hold and mean gap between hand-offs in ms, time of the last hand-off,
--- weights of its backlogged flows.
function flows.pool(name)
  local pool = known[name]
  if not pool or pool.epoch ~= epoch then
    local raw = redis.call('HGET', key_flows, name)
    pool = { name = name, epoch = epoch, time = 0, hold = 0, gap = 0, last = 0, backlog = 0 }
    if raw and #raw >= FLOWS.pool then
      pool.time, pool.hold, pool.gap, pool.last, pool.backlog = struct.unpack('<ddddd', raw)
    end
    known[name] = pool
  end
  return pool
end

local function read(flow, raw)
  flow.start, flow.finish, flow.hold, flow.share, flow.in_flight = 0, 0, 0, 0, 0
  flow.ready, flow.demands = false, {}
  if not raw or #raw < FLOWS.flow then
    return
  end
  local ready
  flow.start, flow.finish, flow.hold, flow.share, flow.in_flight, ready = struct.unpack('<ddddI4B', raw)
  flow.ready = ready == 1
  for at = FLOWS.flow + 1, #raw - 5, 6 do
    local demand, count = struct.unpack('<I2I4', raw, at)
    flow.demands[demand] = count
  end
end

--- The flow of a tenant's name at a pool.
function flows.of(pool_name, tenant_name)
  local key = pool_name .. '\t' .. tenant_name
  local flow = known[key]
  if flow and flow.epoch == epoch then
    return flow
  end
  flow = { key = key, epoch = epoch, tenant = tenant_name, pool = flows.pool(pool_name), changed = false }
  read(flow, redis.call('HGET', key_flows, key))
  local tenant = tenants.get(tenant_name)
  local reserved = tenant and tenant[TENANT.reserved]
  flow.weight = tenant and tenant[TENANT.weight] or 1
  flow.reserved = reserved and reserved[pool_name] or 0
  known[key] = flow
  return flow
end

local function touch(flow)
  if not flow.changed then
    flow.changed = true
    changed[#changed + 1] = flow
  end
  changed_pools[flow.pool.name] = flow.pool
end

function flows.is_backlogged(flow)
  return next(flow.demands) ~= nil
end

--- Before any other: tenants below their reserved slots.
local function rank(flow)
  return flow.in_flight < flow.reserved and '0' or '1'
end

--- Where the flow stands among those that wait for a demand.
local function place(flow, demand)
  return string.format('r%04x%s%016.0f%s', demand, rank(flow), flow.start, flow.tenant)
end

--- Whether the flow's waiters may be served: only then it stands in the ready index.
function flows.set_ready(flow, ready)
  if flow.ready ~= ready then
    for demand in pairs(flow.demands) do
      if ready then
        redis.call('ZADD', key_line, 0, place(flow, demand))
      else
        redis.call('ZREM', key_line, place(flow, demand))
      end
    end
    flow.ready = ready
    touch(flow)
  end
end

--- Out of the index while its place changes; returns whether it was there.
local function lift(flow)
  local was_ready = flow.ready
  if was_ready then
    flows.set_ready(flow, false)
  end
  return was_ready
end

--- One more waiter of the demand. The first one of all makes the flow backlogged, and `ready` tells
--- whether it may be served.
function flows.join(flow, demand, ready)
  local was_ready, pool = lift(flow), flow.pool
  if flows.is_backlogged(flow) then
    ready = was_ready
  else
    flow.start = math.max(pool.time, flow.finish)
    pool.last = pool.backlog == 0 and cell.now or pool.last
    flow.share = flow.weight
    pool.backlog = pool.backlog + flow.share
  end
  flow.demands[demand] = (flow.demands[demand] or 0) + 1
  flows.set_ready(flow, ready)
  touch(flow)
end

--- One waiter of the demand less.
function flows.leave(flow, demand)
  local was_ready = lift(flow)
  local left = (flow.demands[demand] or 1) - 1
  flow.demands[demand] = left > 0 and left or nil
  if flows.is_backlogged(flow) then
    flows.set_ready(flow, was_ready)
  else
    flow.pool.backlog = math.max(0, flow.pool.backlog - flow.share)
  end
  touch(flow)
end

--- An entry of the ready index that is not its flow's place (any more) is taken out.
function flows.is_placed(flow, demand, entry)
  if flow.ready and flow.demands[demand] and place(flow, demand) == entry then
    return true
  end
  redis.call('ZREM', key_line, entry)
  local was_ready = lift(flow)
  flows.set_ready(flow, was_ready and flows.is_backlogged(flow))
  return false
end

--- The hold in ms that a grant of the flow is charged with.
local function expected_hold(flow)
  return flow.hold > 0 and flow.hold or flow.pool.hold > 0 and flow.pool.hold or FLOWS.first_hold
end

local function tag_of(flow, ms)
  return math.floor(ms * 1000 / flow.weight)
end

--- A lease of the flow begins; returns the hold in ms that it was charged.
function flows.charge(flow)
  local hold, pool, was_ready = math.floor(expected_hold(flow)), flow.pool, lift(flow)
  local start = flows.is_backlogged(flow) and flow.start or math.max(pool.time, flow.finish)
  pool.time = math.max(pool.time, start)
  flow.finish = start + tag_of(flow, hold)
  flow.start, flow.in_flight = flow.finish, flow.in_flight + 1
  flows.set_ready(flow, was_ready)
  touch(flow)
  return hold
end

--- A lease of the flow ends after `held` ms, for which it had been charged `charged`; `learn` tells
--- whether that says something about other leases.
function flows.settle(flow, held, charged, learn)
  local pool, was_ready = flow.pool, lift(flow)
  local correction = tag_of(flow, held) - tag_of(flow, charged)
  flow.finish = math.max(0, flow.finish + correction)
  flow.start = math.max(0, flow.start + correction)
  flow.in_flight = math.max(0, flow.in_flight - 1)
  if learn then
    flow.hold = flow.hold > 0 and flow.hold + (held - flow.hold) / FLOWS.hold_memory or held
    pool.hold = pool.hold > 0 and pool.hold + (held - pool.hold) / FLOWS.pool_memory or held
  end
  flows.set_ready(flow, was_ready)
  touch(flow)
end

--- A waiter of the pool was served: how often that happens.
function flows.handed_off(flow)
  local pool = flow.pool
  local gap = cell.now - pool.last
  pool.gap = pool.gap > 0 and pool.gap + (gap - pool.gap) / FLOWS.pool_memory or gap
  pool.last = cell.now
end

--- How long the `n`-th waiter of a flow may wait, in ms; 0 where nothing was measured yet.
function flows.estimate(flow, n)
  return math.floor(n * flow.pool.gap * math.max(1, flow.pool.backlog / flow.weight))
end

local function packed(flow)
  local parts = { struct.pack('<ddddI4B', flow.start, flow.finish, flow.hold, flow.share,
    flow.in_flight, flow.ready and 1 or 0) }
  for demand, count in pairs(flow.demands) do
    parts[#parts + 1] = struct.pack('<I2I4', demand, count)
  end
  return table.concat(parts)
end

function flows.commit()
  local words = {}
  for i = 1, #changed do
    changed[i].changed = false
    words[#words + 1], words[#words + 2] = changed[i].key, packed(changed[i])
  end
  for name, pool in pairs(changed_pools) do
    words[#words + 1], words[#words + 2] = name,
      struct.pack('<ddddd', pool.time, pool.hold, pool.gap, pool.last, pool.backlog)
  end
  commit.write('HSET', key_flows, words)
end
