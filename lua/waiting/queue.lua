-- How an acquire joins the queue: it waits for its demand (its ordered targets), not for an account.
-- Demands get numbers while somebody waits for them; their number is bounded, so is the queue.

local function known_number(line)
  return tonumber(redis.call('HGET', key_demands, line) or nil)
end

--- A number for a demand that has none, or nil where there are too many.
local function new_number(line)
  local number = tonumber(redis.call('HGET', key_demands, DEMANDS.next) or nil)
    or math.floor((redis.call('HLEN', key_demands) - 1) / 2)
  if number >= DEMANDS.most and cell.waiting == 0 then
    redis.call('DEL', key_demands)
    redis.call('HSET', key_demands, SENTINEL.name, 0)
    number = 0
  end
  if number >= DEMANDS.most then
    return nil
  end
  redis.call('HSET', key_demands, line, number, '#' .. number, line, DEMANDS.next, number + 1)
  return number
end

--- How long the `n`-th waiter of a flow may wait, in ms; 0 where too little was measured to say.
local function estimate(flow, n)
  local pool = flow.pool
  if pool.hand_offs < FLOWS.pool_memory then
    return 0
  end
  return math.floor(n * pool.gap * math.max(1, pool.backlog / flow.weight))
end

--- fence: its arrival; time: the ms that it may wait, as far as that is known.
local function answer(waiter)
  if waiter.state == WAITING.laned then
    return operations.answer(TAG.queued, 0, 0, lane_list.position(waiter), waiter.arrived)
  end
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
  local number = not hand_off.more and known_number(targets.line)
  local flow = flows.of(targets.home, tenants.name_in(id))
  return hand_off.more or number and flow.demands[number] ~= nil
end

--- Where a waiter stands that came then.
function queue.order_of(arrived, priority)
  return string.format('%015.0f%08.0f', arrived + priority * WAITING.step_ms, cell.next_arrival())
end

--- When it came: one that the store has forgotten tells.
local function arrival_of(op)
  local told = operations.batch[op + OP.arrived_at]
  return told > 0 and math.min(told, cell.now) or cell.now
end

local function new_waiter(op, id, targets, number)
  local batch = operations.batch
  local arrived = arrival_of(op)
  return { id = id, demand = number, lease_ms = batch[op + OP.lease_ms], claim = batch[op + OP.claim],
    tokens = batch[op + OP.tokens], reserve = batch[op + OP.reserve], arrived = arrived,
    deadline = arrived + batch[op + OP.wait_ms], daemon = arg_daemon, pool = targets.home,
    order = queue.order_of(arrived, math.floor(batch[op + OP.flags] / ACQUIRE.priority)),
    tenant = tenants.name_in(id), session = sessions.of(op) }
end

--- Whether the flow waits for as many other demands as it may: each costs a place that moves with
--- every grant.
local function has_many_demands(flow, demand)
  local count = 0
  for _ in pairs(flow.demands) do
    count = count + 1
  end
  return count >= FLOWS.demands and not flow.demands[demand or false]
end

--- What keeps it from joining, and the ms after which to try again: too many wait, or it could not be
--- served by its deadline.
local function obstacle(op, id, targets, reason, after_ms)
  local flow, number = flows.of(targets.home, tenants.name_in(id)), known_number(targets.line)
  if cell.waiting >= head.most_waiters or has_many_demands(flow, number) then
    return REASON.queue_full
  end
  local ahead = number and flow.demands[number] or 0
  local expected = reason == REASON.pool_full and estimate(flow, ahead + 1) or after_ms or 0
  local waited = math.max(0, cell.now - arrival_of(op))
  if expected > operations.batch[op + OP.wait_ms] - waited
    or waited >= operations.batch[op + OP.wait_ms] then
    return REASON.queue_timeout, expected
  end
end

function queue.join(op, id, targets, tenant, reason, after_ms)
  local refused, retry_after_ms = obstacle(op, id, targets, reason, after_ms)
  local number = not refused
    and (targets == alone.demand and LANES.demand or known_number(targets.line) or new_number(targets.line))
  if not number then
    return operations.answer(TAG.denied, refused or REASON.queue_full, 0, 0, 0, retry_after_ms)
  end
  local waiter = new_waiter(op, id, targets, number)
  waiters.add(waiter)
  if reason == REASON.tenant_concurrency or reason == REASON.tenant_rate then
    parking.block(tenant, after_ms)
  end
  answer(waiter)
end
