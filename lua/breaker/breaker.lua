-- Rule: what outcomes do to accounts. A breaker for each (account, model) trips after so many failures in
-- a row, or at an error rate over a window that begins at the first failure, and is open for a growing
-- time. Then one probe of the whole fleet decides: success closes it, failure opens it for longer.
-- Outcomes of what was granted before the last change move nothing.
--- @charged-where account[ACCOUNT.health]
--- @settled-where account[ACCOUNT.breaker]

local function end_of(lease, op)
  local flags = op and operations.batch[op + OP.flags] or 0
  local was_reaped = not op and records.state(lease) == STATE.leased
  return { outcome = was_reaped and OUTCOME.reaped or flags % RELEASE.outcomes,
    counts = math.floor(flags / RELEASE.breaker) % 2 == 1, was_reaped = was_reaped,
    of_model = math.floor(flags / RELEASE.model) % 2 == 1,
    retry_after = op and operations.batch[op + OP.retry_after] or 0 }
end

local function settle(account, lease, op)
  local record, ending = health.of(account), end_of(lease, op)
  local entry, own = record.entries[lease[LEASE.model]], lease[LEASE.fence]
  if own > record.since then
    cooldown.hear(account, lease[LEASE.model], ending)
    if entry and entry.probe == own then
      transitions.judge(account, entry, ending)
    elseif ending.counts and (not entry or entry.state == BREAKER.closed and own > entry.since) then
      transitions.count_failure(account, lease[LEASE.model], ending.outcome)
    elseif entry and ending.outcome == OUTCOME.success and own > entry.since then
      entry.consecutive, entry.requests = 0, entry.requests + 1
    end
  end
  health.changed(account)
end

function breaker.charge(lease, account)
  local entry = account[ACCOUNT.health].entries[lease[LEASE.model]]
  if entry and entry.state == BREAKER.half_open and entry.probe == 0
    and lease[LEASE.fence] > entry.since then
    entry.probe = lease[LEASE.fence]
    health.changed(account)
  end
end

local function is_good(op)
  local outcome = op and operations.batch[op + OP.flags] % RELEASE.outcomes or 0
  return outcome == OUTCOME.success or outcome == OUTCOME.ignored or outcome == 0
end

--- A good end says nothing new of an account that is well.
function breaker.settle(lease, account, op)
  if account[ACCOUNT.health] or not is_good(op) then
    settle(account, lease, op)
  end
end
