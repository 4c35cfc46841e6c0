-- Requests that wait for another account (scheduler/move.lua). Their leases hold none meanwhile, and all
-- else that is theirs. Their turn has come once, so they go before those that were never granted, but
-- for tenants below their reserved slots; among themselves by arrival and priority.
-- They stand in lines of their own, one for each list of targets and of accounts that were tried: "r",
-- number, order, id. These numbers follow those of demands, are few, and are used again ("=" number
-- in `demands` counts who needs one), so that they hold nobody up and crowd no demand out.

--- Whether it waits for another account, wherever it stands.
function moving.is_one(waiter)
  return waiter.demand >= DEMANDS.most and waiter.demand ~= LANES.demand
end

local function free_number()
  local fields = {}
  for i = 1, MOVES.lines do
    fields[i] = '#' .. DEMANDS.most + i - 1
  end
  local lines = redis.call('HMGET', key_demands, unpack(fields))
  for i = 1, MOVES.lines do
    if not lines[i] then
      return DEMANDS.most + i - 1
    end
  end
end

--- The number of the line; nil where there are too many.
local function enter_line(targets, tried)
  local names = {}
  for i = 1, #tried do
    names[i] = tried[i][ACCOUNT.name]
  end
  table.sort(names)
  local line = targets.line .. '\f' .. table.concat(names, '\t')
  local number = tonumber(redis.call('HGET', key_demands, line) or nil) or free_number()
  if number then
    redis.call('HSET', key_demands, line, number, '#' .. number, line)
    redis.call('HINCRBY', key_demands, '=' .. number, 1)
  end
  return number
end

--- One less needs the number.
function moving.leave_line(number)
  if redis.call('HINCRBY', key_demands, '=' .. number, -1) <= 0 then
    local line = redis.call('HGET', key_demands, '#' .. number)
    redis.call('HDEL', key_demands, '#' .. number, '=' .. number, line or '')
  end
end

--- What a line waits for: its targets, and the accounts that do not count.
function moving.targets_of(line)
  local at = string.find(line, '\f', 1, true)
  local targets = choice.read_line(string.sub(line, 1, at - 1))
  targets.excluded = {}
  for name in string.gmatch(string.sub(line, at + 1), '[^\t]+') do
    targets.excluded[#targets.excluded + 1] = accounts.get(name)
  end
  return targets
end

local function place_of(waiter)
  return string.format('r%04x', waiter.demand) .. waiter.order .. waiter.id
end

--- Whether the waiter is one of these; it stands at its place here then.
function moving.holds_back(waiter)
  if not moving.is_one(waiter) then
    return false
  end
  waiter.state = WAITING.moving
  redis.call('ZADD', key_line, 0, place_of(waiter))
  return true
end

--- A waiter has gone.
function moving.removed(waiter)
  if moving.is_one(waiter) then
    moving.leave_line(waiter.demand)
  end
end

waiters.leave[WAITING.moving] = function(waiter)
  redis.call('ZREM', key_line, place_of(waiter))
end

--- How many stand in its line before it, and itself.
function moving.position(waiter)
  local line = string.format('[r%04x', waiter.demand)
  return redis.call('ZLEXCOUNT', key_line, line, '[' .. place_of(waiter))
end

--- The lease holds its account no longer. `op` tells how that attempt ended; nil where it never began.
function moving.leave_account(op, id, slot, lease, arrived)
  local account = accounts.get(lease[LEASE.account]) or false
  rules.settle_all({ lease }, { account }, { op }, 1)
  charges.read(lease)
  lease[LEASE.tenant] = tenants.name_in(id)
  fair_share.settle(lease)
  moved_records.leave(lease, arrived)
  requests.put(id, slot, lease)
end

--- The lease has an account again; `state` is that of a claimed one by default. Nothing is charged that is charged once a request. Its new expiry.
function moving.enter_account(op, id, slot, lease, account, target, home, state)
  local name, batch = tenants.name_in(id), operations.batch
  local expires_at = math.max(records.expires_at(lease), cell.now + batch[op + OP.lease_ms])
  lease[LEASE.tenant], lease[LEASE.pool], lease[LEASE.charged] = name, false, 0
  if lease[LEASE.flags] % (2 * ACQUIRE.bound) >= ACQUIRE.bound then
    fair_share.charge(lease, account, op, tenants.get(name), id, home)
  end
  moved_records.enter(lease, account[ACCOUNT.name], target.model, cell.next_fence(),
    state or STATE.leased)
  batch[op + OP.tokens] = charges.tokens(lease)
  rules.charge(lease, account, op)
  records.extend(lease, expires_at)
  requests.put(id, slot, lease)
  return expires_at
end

--- The lease, and whoever holds it, waits from now on; nil where too many do.
function moving.join(op, id, slot, lease, targets, tried)
  local batch = operations.batch
  local number = cell.waiting < head.most_waiters and enter_line(targets, tried)
  if not number then
    return nil
  end
  local since, wait_ms = batch[op + OP.since], batch[op + OP.patience]
  local arrived = moved_records.arrived(lease, math.floor(since / MOVES.priorities))
  -- Whoever moves it has heard of its grant.
  leases.extend(op, id, slot, lease)
  if records.state(lease) ~= STATE.moving then
    moving.leave_account(op, id, slot, lease, arrived)
  end
  local waiter = { id = id, demand = number, lease_ms = batch[op + OP.lease_ms],
    claim = records.claim(lease), tokens = charges.tokens(lease), reserve = 0, arrived = arrived,
    deadline = cell.now + wait_ms, daemon = arg_daemon, pool = targets.home,
    order = queue.order_of(arrived, since % MOVES.priorities), tenant = tenants.name_in(id) }
  waiters.add(waiter)
  return waiter
end
