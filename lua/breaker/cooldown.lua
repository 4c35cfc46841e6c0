-- What an attempt says beside success and failure: that the upstream wants to be left alone for a while,
-- or that the account is of no use before somebody mends it.

--- The longer one of two cooldowns holds.
local function cool(account, model, ending, till)
  local record = health.of(account)
  if not ending.of_model then
    record.cooldown, record.reason = math.max(record.cooldown, till), ending.outcome
    return
  end
  local entry = record.entries[model] or conditions.new_entry(model)
  entry.cool, record.entries[model] = math.max(entry.cool, till), entry
end

local function disable(account)
  local record = health.of(account)
  if not record.disabled then
    record.disabled, record.reason, record.changed = true, OUTCOME.unusable, cell.now
    history.tell(account, BREAKER.no_model, BREAKER.disabled, OUTCOME.unusable, 0)
  end
end

function cooldown.hear(account, model, ending)
  local outcome, ms = ending.outcome, ending.retry_after
  if outcome == OUTCOME.unusable then
    return disable(account)
  elseif outcome == OUTCOME.rate_limited then
    ms = ms > 0 and ms or account[ACCOUNT.breaker].cooldown_ms
  elseif outcome ~= OUTCOME.overloaded then
    return
  end
  if ms > 0 then
    cool(account, model, ending, cell.now + ms)
  end
end

--- Something of the account's record has changed by itself.
timers.due.b = function(name)
  local account = accounts.get(name)
  local record = account and account[ACCOUNT.breaker] and account[ACCOUNT.health]
  if not record then
    return
  end
  for _, entry in pairs(record.entries) do
    if entry.state == BREAKER.open and entry.till <= cell.now then
      transitions.half_open(account, entry)
    end
  end
  health.changed(account)
end
