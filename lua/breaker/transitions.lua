-- The states of a breaker (conditions.lua) and what turns one into the next.

local function entry_of(record, model)
  local entry = record.entries[model]
  if not entry then
    entry = conditions.new_entry(model)
    record.entries[model] = entry
  end
  return entry
end

--- Every change of a state; `till` is when it may change by itself.
local function turn(account, entry, state, reason, till)
  entry.state, entry.reason, entry.till = state, reason, till
  entry.since, entry.changed, entry.probe = health.fence(), cell.now, 0
  entry.consecutive, entry.window, entry.requests, entry.failures = 0, cell.now, 0, 0
  history.tell(account, entry.model, state, reason, till)
end

local function trip(account, entry, reason)
  local open_ms = conditions.open_ms(account[ACCOUNT.breaker], entry.trips)
  entry.trips = math.min(entry.trips + 1, 65535)
  turn(account, entry, BREAKER.open, reason, cell.now + open_ms)
end

local function close(account, entry, reason)
  turn(account, entry, BREAKER.closed, reason, cell.now + account[ACCOUNT.breaker].window_ms)
end
transitions.close = close

--- Its time is over: the next one to be granted is the probe.
function transitions.half_open(account, entry)
  turn(account, entry, BREAKER.half_open, entry.reason, 0)
end

function transitions.count_failure(account, model, reason)
  local terms, entry = account[ACCOUNT.breaker], entry_of(health.of(account), model)
  if cell.now >= entry.till then
    entry.window, entry.till = cell.now, cell.now + terms.window_ms
    entry.requests, entry.failures = 0, 0
  end
  entry.consecutive, entry.requests = math.min(entry.consecutive + 1, 65535), entry.requests + 1
  entry.failures = entry.failures + 1
  if terms.consecutive > 0 and entry.consecutive >= terms.consecutive
    or terms.min_requests > 0 and entry.requests >= terms.min_requests
      and entry.failures >= entry.requests * terms.error_rate then
    trip(account, entry, reason)
  end
end

--- How the probe ended. Without a verdict the next one probes; a holder that died gave a bad one.
function transitions.judge(account, entry, ending)
  if ending.outcome == OUTCOME.success then
    close(account, entry, OUTCOME.success)
  elseif ending.counts or ending.was_reaped then
    trip(account, entry, ending.outcome)
  else
    entry.probe = 0
  end
end
