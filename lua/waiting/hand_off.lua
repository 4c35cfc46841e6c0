-- A freed slot passes to a waiter inside the very script that freed it. The candidates are the
-- heads of the demands that somebody waits for: first tenants below their reserved slots, then moves
-- (moving.lua), then whoever is furthest behind the virtual time of its pool.
-- A bounded number of waiters is looked at in one tick; `hand_off.more` tells that others may be.

function hand_off.begin()
  heads.begin()
  hand_off.more, hand_off.begun = false, false
end

--- Somebody may be served who was not there when this tick began to hand off.
function hand_off.look_again()
  hand_off.more = hand_off.more or hand_off.begun
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
  notices.tell(waiter.daemon, waiter.id, operations.packed(TAG.granted, sessions.detail(op, number),
    lease[LEASE.model], account[ACCOUNT.index], fence, expires_at), tenant_rates.limits(tenant), claim_ms)
end

--- Serves, refuses or sets aside a waiter for whose demand `account` is free.
local function offer(waiter, targets, account, number)
  if not daemons.listens(waiter.daemon) then
    return parking.park(waiter)
  end
  local op, tenant = operations.borrow(waiter), tenants.get(waiter.tenant)
  local reason, after_ms = terms.admit(op, tenant)
  if not reason then
    if waiter.session then
      account, number = sticky.pick(targets, waiter.session)
    end
    grant(waiter, op, account, number, targets, tenant)
  elseif reason == REASON.tenant_concurrency or reason == REASON.tenant_rate and after_ms > 0 then
    parking.block(tenant, after_ms)
  else
    waiters.refuse(waiter, reason, after_ms)
  end
end

--- A waiter that is in no line, with a session.
function hand_off.offer(waiter)
  local targets = heads.targets_of(waiter.demand)
  local account, number = choice.pick(targets or {})
  if account then
    offer(waiter, targets, account, number)
  end
end

--- Looks at the first waiter of the head's line.
local function serve(head, account, number)
  local id, place = waiters.head(head.tenant, head.demand)
  local waiter = id and waiters.get(id)
  if not waiter then
    local flow = flows.of(head.targets.home, head.tenant)
    if id then
      return unreadable.discard(flow, head.demand, id, place)
    end
    return flows.set_ready(flow, false)
  end
  offer(waiter, head.targets, account, number)
end

--- Tries the best of the heads. Returns what stands in its place (its demand's next one, or false
--- where nobody of its demand can be served), and whether a waiter was looked at.
local function try(head)
  local targets = head.targets
  if not targets then
    redis.call('ZREM', key_line, head.entry)
  elseif head.id then
    if not moving_on.try(head) then
      return false, false
    end
  elseif flows.is_placed(flows.of(targets.home, head.tenant), head.demand, head.entry) then
    local account, number = choice.pick(targets)
    if not account then
      return false, false
    end
    serve(head, account, number)
  end
  return heads.look_again(head), true
end

--- Demands that nothing is free for cost a look each, and are as many as the configuration has; only
--- waiters that were looked at are bounded.
function hand_off.run()
  hand_off.begun = true
  if cell.waiting == 0 or cell.now < cell.recover_until or variant == 'tick_oom' then
    return
  end
  preferring.run()
  local list, more_from = heads.from(0)
  local left, was_looked = HANDING.most, false
  while left > 0 do
    local at = heads.best_of(list)
    if at then
      list[at], was_looked = try(list[at])
      left = was_looked and left - 1 or left
    elseif more_from then
      list, more_from = heads.from(more_from)
    else
      return
    end
  end
  hand_off.more = true
end
