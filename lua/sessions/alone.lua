-- Lanes without an account: a request that has no targets holds nothing but its lane. It takes no
-- slot, no rates and no budget; its lease expires, is renewed, fenced and released as any other.
alone.demand = { line = '', home = '' } -- in place of targets

--- The lease of the operation on its lane; returns its fence and its expiry.
local function begin(op, id, fence, daemon, state)
  local batch, slot = operations.batch, operations.slot(id)
  local lease, expires_at = {}, cell.now + batch[op + OP.lease_ms]
  records.bind(lease, batch[op + OP.flags] % 2, LANES.model, fence, '', tenants.name_in(id))
  lanes.granted(sessions.of(op).name, id)
  sessions.mark(lease, op)
  lease[LEASE.flags] = lease[LEASE.flags] - ACQUIRE.bound
  records.seal(lease, batch, op, cell.now, expires_at, daemon, state)
  requests.put(id, slot, lease)
  expiry.watch(id, expires_at)
  return fence, expires_at
end

--- A holder brings back a lease that the store has lost.
function alone.register(op, id, fence)
  operations.answer(TAG.renewed, 0, LANES.model, 0, begin(op, id, fence, arg_daemon, STATE.leased))
end

--- Grants, queues or denies a new request.
function alone.demand.decide(op, id)
  local session, reason, after_ms = sessions.of(op), nil, 0
  if not session or not session.lane then
    return operations.refuse(MISTAKE.unknown_demand)
  elseif cell.now < cell.recover_until then
    reason, after_ms = REASON.recovering, cell.recover_until - cell.now
  elseif lanes.is_taken(session.name, id) then
    reason = REASON.lane_busy
  else
    return operations.answer(TAG.granted, 0, LANES.model, 0,
      begin(op, id, cell.next_fence(), arg_daemon, STATE.leased))
  end
  if operations.batch[op + OP.wait_ms] == 0 then
    return operations.answer(TAG.denied, reason, 0, 0, 0, after_ms)
  end
  queue.join(op, id, alone.demand, nil, reason, after_ms)
end

--- Whether nothing may be granted now; the lane is looked at again later.
local function must_wait(lane)
  if cell.now < cell.recover_until or variant == 'tick_oom' then
    timers.set('l', lane, math.max(cell.recover_until, cell.now + LANES.pause_ms))
    return true
  end
end

--- The waiter, which stands in its lane's list, owns the lane.
function alone.promote(lane, waiter)
  if must_wait(lane) then
    return
  end
  local own, op = waiter.daemon == arg_daemon, operations.borrow(waiter)
  local fence, expires_at = begin(op, waiter.id, cell.next_fence(), waiter.daemon,
    own and STATE.leased or STATE.granted)
  local claim_ms = 0
  if own then
    waiters.remove(waiter)
  else
    claim_ms = waiters.hand(waiter)
  end
  notices.tell(waiter.daemon, waiter.id,
    operations.packed(TAG.granted, 0, LANES.model, 0, fence, expires_at), tenant_rates.none, claim_ms)
end

--- A waiter owns its lane and nothing is in its way: it is served by the next tick's timers.
function alone.wait(waiter)
  lane_list.join(waiter)
  timers.set('l', waiter.session.name, math.max(cell.recover_until, cell.now))
  return true
end
