-- A freed slot passes to a waiter inside the very script that freed it. The candidates are the
-- heads of the demands that somebody waits for: first tenants below their reserved slots, then
-- whoever is furthest behind the virtual time of its pool.
-- A bounded number of waiters is looked at in one tick; `hand_off.more` tells that others may be.
local lines -- demand number -> its targets by line (choice.lua)

function hand_off.begin()
  lines, hand_off.more = {}, false
end

local function targets_of(demand)
  if lines[demand] == nil then
    local line = redis.call('HGET', key_demands, '#' .. demand)
    lines[demand] = line and choice.read_line(line) or false
  end
  return lines[demand]
end

--- The head of a demand's ready flows: rank, lag in tags, tenant; nil where nobody is ready.
local function look(from)
  local entry = redis.call('ZRANGEBYLEX', key_line, from, '(s', 'LIMIT', 0, 1)[1]
  if not entry then
    return nil
  end
  local demand = tonumber(string.sub(entry, 2, 5), 16)
  local targets = targets_of(demand)
  local tag = tonumber(string.sub(entry, 7, 22))
  return { entry = entry, demand = demand, targets = targets, tenant = string.sub(entry, 23),
    rank = string.byte(entry, 6), lag = targets and tag - pools.of(targets.home).time or 0 }
end

--- The heads of so many demands from `demand` on, and the demand to go on with, if there are more.
local function heads_from(demand)
  local heads, head = {}, look(string.format('[r%04x', demand))
  while head and #heads < HANDING.demands do
    heads[#heads + 1] = head
    head = look(string.format('[r%04x', head.demand + 1))
  end
  return heads, head and head.demand
end

local function best_of(heads)
  local best
  for i = 1, #heads do
    local head = heads[i]
    if head and (not best or head.rank < heads[best].rank
      or head.rank == heads[best].rank and head.lag < heads[best].lag) then
      best = i
    end
  end
  return best
end

--- The waiter gets a slot of the account.
local function grant(waiter, op, account, number, targets, tenant)
  local own, fence = waiter.daemon == arg_daemon, cell.next_fence()
  local lease, expires_at = leases.begin(op, waiter.id, operations.slot(waiter.id), account,
    targets[number], fence, tenant, targets.home, waiter.daemon, own and STATE.leased or STATE.granted)
  pools.handed_off(pools.of(targets.home))
  local claim_ms = 0
  if own then
    waiters.remove(waiter)
  else
    claim_ms = waiters.hand(waiter)
  end
  notices.tell(waiter.daemon, waiter.id, operations.packed(TAG.granted, number - 1,
    lease[LEASE.model], account[ACCOUNT.index], fence, expires_at), tenant_rates.limits(tenant), claim_ms)
end

--- Serves, refuses or sets aside the first waiter of the head's line.
local function serve(head, account, number)
  local id, place = waiters.head(head.tenant, head.demand)
  local waiter, tenant = id and waiters.get(id), tenants.get(head.tenant)
  if not waiter then
    local flow = flows.of(head.targets.home, head.tenant)
    if id then
      return waiters.discard(flow, head.demand, id, place)
    end
    return flows.set_ready(flow, false)
  end
  if not daemons.listens(waiter.daemon) then
    return parking.park(waiter)
  end
  local op = operations.borrow(waiter)
  local reason, after_ms = terms.admit(op, tenant)
  if not reason then
    grant(waiter, op, account, number, head.targets, tenant)
  elseif reason == REASON.tenant_concurrency or reason == REASON.tenant_rate and after_ms > 0 then
    parking.block(tenant, after_ms)
  else
    waiters.refuse(waiter, reason, after_ms)
  end
end

--- The head of the same demand after something has changed, or false.
local function look_again(head)
  local now = look(string.format('[r%04x', head.demand))
  return now and now.demand == head.demand and now
end

--- Tries the best of the heads. Returns what stands in its place (its demand's next one, or false
--- where nobody of its demand can be served), and whether a waiter was looked at.
local function try(head)
  local targets = head.targets
  if not targets then
    redis.call('ZREM', key_line, head.entry)
  elseif flows.is_placed(flows.of(targets.home, head.tenant), head.demand, head.entry) then
    local account, number = choice.pick(targets)
    if not account then
      return false, false
    end
    serve(head, account, number)
  end
  return look_again(head), true
end

--- Demands that nothing is free for cost a look each, and are as many as the configuration has; only
--- waiters that were looked at are bounded.
function hand_off.run()
  if cell.waiting == 0 or cell.now < cell.recover_until or variant == 'tick_oom' then
    return
  end
  local heads, more_from = heads_from(0)
  local left, was_looked = HANDING.most, false
  while left > 0 do
    local at = best_of(heads)
    if at then
      heads[at], was_looked = try(heads[at])
      left = was_looked and left - 1 or left
    elseif more_from then
      heads, more_from = heads_from(more_from)
    else
      return
    end
  end
  hand_off.more = true
end
