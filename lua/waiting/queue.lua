-- How an acquire joins the queue: it waits for its demand (its ordered targets), not for an account.
-- Demands get numbers while somebody waits for them; their number is bounded, so is the queue.

--- The number of a demand, or nil where there are too many.
local function number_of(line)
  local known = tonumber(redis.call('HGET', key_demands, line) or nil)
  if known then
    return known
  end
  local number = (redis.call('HLEN', key_demands) - 1) / 2
  if number >= DEMANDS.most and cell.waiting == 0 then
    redis.call('DEL', key_demands)
    redis.call('HSET', key_demands, SENTINEL.name, 0)
    number = 0
  end
  if number >= DEMANDS.most then
    return nil
  end
  redis.call('HSET', key_demands, line, number, '#' .. number, line)
  return number
end

--- How long the `n`-th waiter of a flow may wait, in ms; 0 where nothing was measured yet.
local function estimate(flow, n)
  return math.floor(n * flow.pool.gap * math.max(1, flow.pool.backlog / flow.weight))
end

--- fence: its arrival; time: the ms that it may wait, as far as that is known.
local function answer(waiter)
  local position = waiters.position(waiter)
  operations.answer(TAG.queued, 0, 0, position, waiter.arrived,
    estimate(flows.of(waiter.pool, waiter.tenant), position))
end

--- Whether the id waits already; answered then. It is its daemon's that asked last.
function queue.holds(op, id)
  local waiter = operations.batch[op + OP.flags] % 2 ~= ACQUIRE.fresh and waiters.get(id)
  if not waiter then
    return false
  end
  if waiter.claim ~= operations.batch[op + OP.claim] then
    operations.refuse(MISTAKE.duplicate_request)
  else
    waiters.adopt(waiter)
    answer(waiter)
  end
  return true
end

--- Whether others come first: the tenant's own earlier ones, or anybody after a hand-off that was
--- cut short.
function queue.is_behind(targets, id)
  local number = not hand_off.more and tonumber(redis.call('HGET', key_demands, targets.line) or nil)
  local flow = flows.of(targets.home, tenants.name_in(id))
  return hand_off.more or number and flow.demands[number] ~= nil
end

local function order_of(arrived, priority)
  return string.format('%015.0f%08.0f', arrived + priority * WAITING.step_ms, cell.next_arrival())
end

local function new_waiter(op, id, targets, number)
  local batch = operations.batch
  local arrived = batch[op + OP.arrived_at] > 0 and math.min(batch[op + OP.arrived_at], cell.now)
    or cell.now
  return { id = id, demand = number, lease_ms = batch[op + OP.lease_ms], claim = batch[op + OP.claim],
    tokens = batch[op + OP.tokens], reserve = batch[op + OP.reserve], arrived = arrived,
    deadline = arrived + batch[op + OP.wait_ms], daemon = arg_daemon, pool = targets.home,
    order = order_of(arrived, math.floor(batch[op + OP.flags] / ACQUIRE.priority)),
    tenant = tenants.name_in(id) }
end

--- Joins, or is refused: too many wait, or it could not be served by its deadline.
function queue.join(op, id, targets, tenant, reason, after_ms)
  local number = cell.waiting < head.most_waiters and number_of(targets.line)
  if not number then
    return operations.answer(TAG.denied, REASON.queue_full)
  end
  local waiter = new_waiter(op, id, targets, number)
  local flow = flows.of(waiter.pool, waiter.tenant)
  local expected = reason == REASON.pool_full
    and estimate(flow, (flow.demands[number] or 0) + 1) or after_ms or 0
  if waiter.deadline <= cell.now or cell.now + expected > waiter.deadline then
    return operations.answer(TAG.denied, REASON.queue_timeout, 0, 0, 0, expected)
  end
  waiters.add(waiter)
  if reason == REASON.tenant_concurrency or reason == REASON.tenant_rate then
    parking.block(tenant, after_ms)
  end
  answer(waiter)
end
