-- The view of flows: a tenant at a pool, with its tags (fair_share.lua), and its places among those
-- that are ready to be served. A waiter belongs to the flow of its first target's pool.
-- Tags are whole numbers, so they stay exact and sort as text.
local known, epoch, changed -- known: pool -> tenant's name -> flow

function flows.begin()
  known = memory.of('flows', cell.admission)
  epoch, changed = memory.epoch, {}
end

local function decode(flow, raw)
  local ready
  flow.start, flow.finish, flow.hold, flow.share, flow.in_flight, ready = struct.unpack('<ddddI4B', raw)
  flow.ready = ready == 1
  for at = FLOWS.flow + 1, #raw - 5, 6 do
    local demand, count = struct.unpack('<I2I4', raw, at)
    flow.demands[demand] = count
  end
end

local function read(pool_name, tenant_name)
  local tenant = tenants.get(tenant_name)
  local reserved = tenant and tenant[TENANT.reserved]
  local flow = { key = pool_name .. '\t' .. tenant_name, epoch = epoch, tenant = tenant_name,
    pool = pools.of(pool_name), weight = tenant and tenant[TENANT.weight] or 1,
    reserved = reserved and reserved[pool_name] or 0, is_stranger = not tenant, start = 0,
    finish = 0, hold = 0, share = 0, in_flight = 0, ready = false, demands = {}, changed = false }
  local raw = redis.call('HGET', key_flows, flow.key)
  if raw and #raw >= FLOWS.flow then
    decode(flow, raw)
  end
  return flow
end

--- The flow of a tenant's name at a pool.
function flows.of(pool_name, tenant_name)
  local of_pool = known[pool_name] or {}
  known[pool_name] = of_pool
  local flow = of_pool[tenant_name]
  if not flow or flow.epoch ~= epoch then
    flow = read(pool_name, tenant_name)
    of_pool[tenant_name] = flow
  end
  return flow
end

--- It, and perhaps its pool, has changed.
function flows.touch(flow)
  if not flow.changed then
    flow.changed = true
    changed[#changed + 1] = flow
    pools.touch(flow.pool)
  end
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
    flows.touch(flow)
  end
end

--- Out of the index while its place changes; returns whether it was there.
function flows.lift(flow)
  local was_ready = flow.ready
  if was_ready then
    flows.set_ready(flow, false)
  end
  return was_ready
end

--- One more waiter of the demand. The first one of all makes the flow backlogged, and `ready` tells
--- whether it may be served.
function flows.join(flow, demand, ready)
  local was_ready, pool = flows.lift(flow), flow.pool
  if flows.is_backlogged(flow) then
    ready = was_ready
  else
    flow.start = math.max(pool.time, flow.finish)
    flow.share = flow.weight
    pools.add_backlog(pool, flow.share)
  end
  flow.demands[demand] = (flow.demands[demand] or 0) + 1
  flows.set_ready(flow, ready)
  flows.touch(flow)
end

--- One waiter of the demand less.
function flows.leave(flow, demand)
  local was_ready = flows.lift(flow)
  local left = (flow.demands[demand] or 1) - 1
  flow.demands[demand] = left > 0 and left or nil
  if flows.is_backlogged(flow) then
    flows.set_ready(flow, was_ready)
  else
    flow.pool.backlog = math.max(0, flow.pool.backlog - flow.share)
  end
  flows.touch(flow)
end

--- An entry of the ready index that is not its flow's place (any more) is taken out.
function flows.is_placed(flow, demand, entry)
  if flow.ready and flow.demands[demand] and place(flow, demand) == entry then
    return true
  end
  redis.call('ZREM', key_line, entry)
  if flow.ready and flow.demands[demand] then
    redis.call('ZADD', key_line, 0, place(flow, demand))
  end
  return false
end

local function packed(flow)
  local raw = struct.pack('<ddddI4B', flow.start, flow.finish, flow.hold, flow.share,
    flow.in_flight, flow.ready and 1 or 0)
  for demand, count in pairs(flow.demands) do
    raw = raw .. struct.pack('<I2I4', demand, count)
  end
  return raw
end

--- An idle flow under nobody's terms is forgotten: names are bounded by nothing else.
function flows.commit()
  local words, gone, n = {}, {}, 0
  for i = 1, #changed do
    local flow = changed[i]
    flow.changed = false
    if flow.is_stranger and flow.in_flight == 0 and not flows.is_backlogged(flow) then
      gone[#gone + 1] = flow.key
      known[flow.pool.name][flow.tenant] = nil
    else
      words[n + 1], words[n + 2], n = flow.key, packed(flow), n + 2
    end
  end
  commit.write('HDEL', key_flows, gone)
  commit.write('HSET', key_flows, words)
end
